package browser

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

var picture = flag.String("picture", "", "draw README's picture of the demo into this `file`: scripts/picture")

// maxPicture is how large the picture may be, in bytes: README is shown on every visit.
const maxPicture = 150 << 10

// TestPicture draws the demo as README shows it: signed in on two devices, after fifty requests
// at once.
func TestPicture(t *testing.T) {
	if *picture == "" {
		t.Skip("it draws with -picture alone")
	}
	d := demotest.Start(t, "--store", "memory:")
	other, p := newProfile(t), newProfile(t)
	other.open(t, d)
	other.run(t, enter("#user", "ada"), shown("#who", "Signed in as ada"))
	p.open(t, d)
	p.run(t, chromedp.EmulateViewport(1000, 780), prefer("light"),
		enter("#value-input", "a red umbrella"), shown("#value", "a red umbrella"),
		enter("#user", "ada"), shown("#who", "Signed in as ada"),
		click("#fifty"), shown("#fifty-result", "50 of 50 counted"), shown("#counter", "50"),
		until(`document.querySelector("#status").textContent === ""`))
	evaluate[any](t, p, `scrollTo(0, 0)`)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if len(png) > maxPicture {
		t.Errorf("it has %d bytes, the most is %d", len(png), maxPicture)
	}
	if err := os.WriteFile(*picture, png, 0o644); err != nil {
		t.Fatal(err)
	}
}
