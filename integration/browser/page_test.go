package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// open shows the page of a demo that holds no session of this profile yet.
func (p *profile) open(t *testing.T, d *demotest.Demo) {
	t.Helper()
	p.run(t, chromedp.Navigate(d.URL), shown("#who", "No session yet"))
}

func TestSession(t *testing.T) {
	chromium(t)
	d := demotest.Start(t, "--store", "memory:")
	p := newProfile(t)
	p.open(t, d)

	// A value, before and after signing in.
	p.run(t, enter("#value-input", "a red umbrella"), shown("#value", "a red umbrella"), shown("#who", "Not signed in"))
	before := evaluate[string](t, p, `document.querySelector("#session-id").textContent`)
	p.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"), shown("#value", "a red umbrella"))
	if after := evaluate[string](t, p, `document.querySelector("#session-id").textContent`); after == before || len(after) != 22 {
		t.Errorf("the ID was %q and is %q", before, after)
	}
	if cookies := evaluate[string](t, p, `document.cookie`); cookies != "" {
		t.Error("scripts can read the cookie")
	}
	p.run(t, chromedp.Reload(), shown("#who", "Signed in as ada"), shown("#value", "a red umbrella"))
	p.run(t, click("#delete"), shown("#value", "no value set"))

	// Fifty requests, twice.
	p.run(t, click("#fifty"), shown("#fifty-result", "50 of 50 counted"), shown("#counter", "50"))
	p.run(t, click("#fifty"), shown("#fifty-result", "from 51 to 100"), shown("#counter", "100"))

	// The store's calls, and both clocks running down.
	p.run(t, shown("#cost", " replaces"))
	if n := evaluate[int](t, p, `document.querySelectorAll("#stats tr").length`); n != 9 {
		t.Errorf("%d counts are shown, want 9", n)
	}
	for _, clock := range []string{"idle", "deadline"} {
		left := evaluate[string](t, p, fmt.Sprintf(`document.querySelector("#%s-left").textContent`, clock))
		p.run(t, until(fmt.Sprintf(`document.querySelector("#%s-left").textContent !== %q`, clock, left)))
	}

	p.run(t, click("#logout"), shown("#who", "No session yet"), shown("#devices-hint", "Sign in to see"))
	p.run(t, chromedp.Reload(), shown("#who", "No session yet"), shown("#counter", "not begun"))

	// Without a ticket, the fifty requests still share one session.
	p.run(t, click("#fifty"), shown("#fifty-result", "50 of 50 counted"), shown("#counter", "50"))
}

func TestDevices(t *testing.T) {
	chromium(t)
	d := demotest.Start(t, "--store", "memory:")
	first, second := newProfile(t), newProfile(t)
	for _, p := range []*profile{first, second} {
		p.open(t, d)
		p.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
	}
	others := "#devices li:not(:first-child)"
	first.run(t, click("#refresh"), shown(others, "Chrome"))
	if got := evaluate[[]int](t, first, `[document.querySelectorAll("#devices li").length, document.querySelectorAll("#devices .badge:not([hidden])").length]`); got[0] != 2 || got[1] != 1 {
		t.Fatalf("%d devices are shown, %d of them as this browser; want 2 and 1", got[0], got[1])
	}
	one := until(`document.body.ariaBusy !== "true" && document.querySelectorAll("#devices li").length === 1`)
	first.run(t, click(others+" button"), one, shown("#status", "is signed out"))
	second.run(t, chromedp.Reload(), shown("#who", "No session yet"))
	first.run(t, shown("#who", "Signed in as ada"))

	// All others, and everywhere.
	second.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
	first.run(t, click("#revoke-others"), shown("#status", "All other devices"), shown("#who", "Signed in as ada"))
	second.run(t, click("#refresh"), shown("#who", "No session yet"))
	second.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
	first.run(t, click("#revoke-all"), shown("#who", "No session yet"))
	second.run(t, click("#refresh"), shown("#who", "No session yet"))
}

// TestEnded: a browser whose session was revoked is told so, whatever it does next.
func TestEnded(t *testing.T) {
	servers.Long(t)
	chromium(t)
	d := demotest.Start(t, "--store", "memory:")
	first, second := newProfile(t), newProfile(t)
	first.open(t, d)
	first.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
	second.open(t, d)
	for _, next := range []struct {
		selector, result string
	}{
		{"#fifty", "has ended"},
		{"#refresh", ""},
		{"#delete", ""},
	} {
		second.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
		first.run(t, click("#revoke-others"), shown("#status", "All other devices"))
		second.run(t, click(next.selector), shown("#status", "has ended"), shown("#fifty-result", next.result))
		first.run(t, click("#refresh"), shown("#status", "Refreshed"))
	}
}

// TestExpiry: the page is left alone until the idle timeout has ended its session.
func TestExpiry(t *testing.T) {
	servers.Long(t)
	chromium(t)
	d := demotest.Start(t, "--store", "memory:", "--idle", "2s")
	p := newProfile(t)
	p.open(t, d)
	p.run(t, enter("#user", "ada"), shown("#stats tr:nth-child(2) td", "1")) // one create
	p.run(t, shown("#who", "No session yet"), shown("#idle-left", "not running"))
}

// press sends a key to whatever has the focus.
func press(key string) step { return chromedp.KeyEvent(key) }

// tabTo presses Tab until an element has the focus. It must be visible then.
func (p *profile) tabTo(t *testing.T, selector string) {
	t.Helper()
	const most = 40
	for range most {
		p.run(t, press(kb.Tab))
		if evaluate[bool](t, p, fmt.Sprintf(`document.activeElement?.matches(%q) ?? false`, selector)) {
			p.holds(t, selector+" has the focus", `(() => {
				const style = getComputedStyle(document.activeElement);
				return style.outlineStyle === "none" || style.outlineWidth === "0px" ? ["it does not show"] : [];
			})()`)
			return
		}
	}
	t.Fatalf("%d times Tab does not reach %s", most, selector)
}

func TestKeyboard(t *testing.T) {
	servers.Long(t)
	chromium(t)
	d := demotest.Start(t, "--store", "memory:")
	p := newProfile(t)
	p.open(t, d)

	p.tabTo(t, ".skip")
	p.tabTo(t, "#value-input")
	p.run(t, press("hat"), press(kb.Enter), shown("#value", "hat"))
	p.tabTo(t, "#set-form .main")
	p.tabTo(t, "#delete")
	p.run(t, press(kb.Enter), shown("#value", "no value set"))
	p.tabTo(t, "#user")
	p.run(t, press("ada"), press(kb.Enter), shown("#who", "Signed in as ada"))
	// the field is gone: its place is taken
	p.run(t, until(`document.activeElement.id === "logout"`))
	p.tabTo(t, "#fifty")
	p.run(t, press(kb.Enter), shown("#fifty-result", "50 of 50 counted"))
	p.tabTo(t, "#devices li button")
	p.tabTo(t, "#revoke-others")
	p.run(t, press(kb.Enter), shown("#status", "All other devices"))
	p.tabTo(t, "#revoke-all")
	p.tabTo(t, "#refresh")
	p.run(t, press(" "), shown("#status", "Refreshed"))
	p.tabTo(t, "#logout")
	p.run(t, press(kb.Enter), shown("#who", "No session yet"), until(`document.activeElement.id === "user"`))
}

func TestAccessibleAndFits(t *testing.T) {
	chromium(t)
	d := demotest.Start(t, "--store", "memory:")
	p := newProfile(t)
	p.open(t, d)
	p.run(t, enter("#user", strings.Repeat("averylongname", 10)), shown("#who", "Signed in as"))
	p.run(t, enter("#value-input", strings.Repeat("x", 600)), shown("#value", "xxx"))
	p.run(t, click("#fifty"), shown("#fifty-result", "50 of 50 counted"))
	p.holds(t, "the document", `[
		[document.title.length > 0, "it has no title"],
		[document.documentElement.lang === "en", "it has no language"],
		[document.querySelectorAll("h1").length === 1, "it has not one h1"],
		[document.querySelectorAll("main").length === 1, "it has not one main"],
		[document.querySelector("header") && document.querySelector("footer"), "it has no header or no footer"],
		[document.querySelector('[role=status][aria-live=polite]'), "it has no live region"],
		[document.querySelector("noscript"), "it says nothing without scripts"],
		[[...document.querySelectorAll("section")].every((s) => document.getElementById(s.getAttribute("aria-labelledby"))?.textContent.trim()), "a section has no name"],
		[[...document.querySelectorAll("input")].every((i) => i.labels.length === 1), "a field has no label"],
		[[...document.querySelectorAll("button")].every((b) => (b.getAttribute("aria-label") || b.textContent).trim()), "a button has no name"],
		[[...document.querySelectorAll("progress")].every((b) => document.getElementById(b.getAttribute("aria-labelledby"))?.textContent.trim()), "a bar has no name"],
		[new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length, "an ID is there twice"],
		[![...document.querySelectorAll("[tabindex]")].some((e) => e.tabIndex > 0), "something changes the order of Tab"],
	].filter(([holds]) => !holds).map(([, wrong]) => wrong)`)

	for _, width := range []int64{320, 360, 768, 1280} {
		p.run(t, chromedp.EmulateViewport(width, 740), until(fmt.Sprintf("innerWidth === %d", width)))
		p.holds(t, fmt.Sprintf("at %d px", width), `[
			...(document.documentElement.scrollWidth > innerWidth ? ["it scrolls sideways, being " + document.documentElement.scrollWidth + " px wide"] : []),
			...[...document.querySelectorAll("main *, header *, footer *")]
				.filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
				.map((e) => e.tagName + "#" + e.id + " sticks out"),
			...[...document.querySelectorAll("button")]
				.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
				.map((e) => e.textContent + " is too small for a finger"),
		]`)
	}

	for _, scheme := range []string{"light", "dark"} {
		p.run(t, prefer(scheme), until(fmt.Sprintf("matchMedia('(prefers-color-scheme: %s)').matches && document.getAnimations().length === 0", scheme)))
		p.holds(t, "the contrast in "+scheme, contrast)
	}
}

// contrast lists texts whose contrast to their background is below 4.5 to 1 (WCAG 2.2,
// 1.4.3).
const contrast = `(() => {
	const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
	const rgba = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const luminance = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const color = rgba(getComputedStyle(e).backgroundColor);
			if (color[3] === 255) return color;
		}
		return [255, 255, 255];
	};
	const wrong = new Set();
	for (const e of document.querySelectorAll("body *")) {
		const text = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
		if (!text || !e.checkVisibility() || ["SCRIPT", "NOSCRIPT", "TEMPLATE"].includes(e.tagName)) continue;
		const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) wrong.add(e.tagName + "." + e.className + " has " + ratio.toFixed(2));
	}
	return [...wrong];
})()`

// prefer emulates the visitor's choice of a light or a dark page.
func prefer(scheme string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
