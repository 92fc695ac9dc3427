package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

// TestClient: a browser goes on with the session of a cloakroomtest.Client.
func TestClient(t *testing.T) {
	p := twinBrowser(t)
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	server := httptest.NewTLSServer(sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sessions.Get(r).Owner())
	})))
	defer server.Close()
	defer p.run(t, chromedp.Navigate("about:blank")) // so that it asks for nothing more

	ann := cloakroomtest.NewClient(t, sessions, "ann")
	var cookies []*network.CookieParam
	for _, c := range ann.Attach(httptest.NewRequest("GET", server.URL, nil)).Cookies() {
		cookies = append(cookies, &network.CookieParam{
			Name: c.Name, Value: c.Value, URL: server.URL, Secure: true, HTTPOnly: true,
		})
	}
	p.run(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookies, network.SetCookiesParams{Cookies: cookies})
		return err
	}), chromedp.Navigate(server.URL))
	if got := evaluate[string](t, p, "document.body.innerText"); got != "ann" {
		t.Error(got)
	}
}
