// Package browser tests the demo's page in headless Chromium.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

// patience bounds each series of steps. All waits are for conditions.
const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(demotest.Main(m)) }

// chromium returns the browser's path. Without a browser the test is skipped, and fails
// in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no chromium, chromium-browser or google-chrome on PATH: the page is not tested"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// profile is a browser with cookies of its own, and one page in it.
type profile struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// newProfile starts a browser, which is closed when the test ends. The test fails if the
// page has reported an error by then.
func newProfile(t *testing.T, more ...chromedp.ExecAllocatorOption) *profile {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)
	options = append(options, more...)
	p := &profile{}
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated, chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(func() {
		bounded, release := context.WithTimeout(ctx, patience)
		// waits for the browser, so that its folder can be removed
		if err := chromedp.Cancel(bounded); err != nil {
			t.Logf("close the browser: %v", err)
		}
		release()
		cancel()
		stop()
		for _, problem := range p.reported() {
			t.Errorf("the page reported: %s", problem)
		}
	})
	// the browser must outlive the bound of any one series of steps
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return p
}

// listen records errors of scripts, their error logs, failed requests, and violations of
// the content security policy.
func (p *profile) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			p.problems = append(p.problems, fmt.Sprintf("console.%s: %+v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			p.problems = append(p.problems, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func (p *profile) reported() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...)
}

// step is one thing done in a page.
type step = chromedp.Action[chromedp.Void]

// run performs steps within a bound, and shows the page if one fails.
func (p *profile) run(t *testing.T, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		t.Fatalf("%v; the page reported %q and shows:\n%s", err, p.reported(), text)
	}
}

// evaluate returns the value of a JavaScript expression in the page.
func evaluate[T any](t *testing.T, p *profile, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a JavaScript condition. It polls from outside, since the page's policy
// forbids what polling within needs.
func until(condition string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for {
			met, err := chromedp.Evaluate[bool]("Boolean("+condition+")")(ctx, target)
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", condition, err)
			}
			if met {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("waited in vain for %s", condition)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// shown waits until the page is done and an element's text contains want.
func shown(selector, want string) step {
	return until(fmt.Sprintf(`document.body.ariaBusy !== "true" && document.querySelector(%q)?.textContent.includes(%q)`, selector, want))
}

func click(selector string) step { return chromedp.Click(chromedp.CSS(selector)) }

// enter types into a field and presses Enter.
func enter(selector, text string) step {
	return chromedp.SendKeys(chromedp.CSS(selector), text+kb.Enter)
}

// holds fails the test unless a JavaScript expression gives an empty list. The list says
// what is wrong.
func (p *profile) holds(t *testing.T, what, expression string) {
	t.Helper()
	if wrong := evaluate[[]string](t, p, expression); len(wrong) > 0 {
		t.Errorf("%s: %s", what, strings.Join(wrong, "; "))
	}
}
