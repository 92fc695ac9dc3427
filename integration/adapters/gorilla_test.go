package adapters

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// TestGorillaFlashes adds messages at two processes at once, and takes them at both while
// some come: each is shown, and once.
func TestGorillaFlashes(t *testing.T) {
	const total = 40
	url := servers.StartRedis(t, servers.RedisOptions{}).URL()
	programs := []*demotest.Demo{
		demotest.StartProgram(t, "integration/adapters/gorilla", "--store", url),
		demotest.StartProgram(t, "integration/adapters/gorilla", "--store", url),
	}
	first, err := demotest.Send(programs[0], "", "POST /flash", "text=message+0")
	if err != nil || first.Body != "ok" || first.Ticket == "" {
		t.Fatalf("POST /flash: %d %q, %v", first.Status, first.Body, err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		shown []string
	)
	send := func(i int, request, form string) string {
		a, err := demotest.Send(programs[i%2], first.Ticket, request, form)
		if err != nil || a.Status != 200 || a.SetCookie {
			t.Errorf("%s: %d %q, %v", request, a.Status, a.Body, err)
		}
		return a.Body
	}
	for i := 1; i < total; i++ {
		wg.Go(func() { send(i, "POST /flash", fmt.Sprintf("text=message+%d", i)) })
	}
	// One request after another takes them, or two could show one.
	wg.Go(func() {
		for i := range 5 {
			body := send(i, "GET /flashes", "")
			mu.Lock()
			shown = append(shown, strings.Split(strings.TrimSpace(body), "\n")...)
			mu.Unlock()
		}
	})
	wg.Wait()
	shown = append(shown, strings.Split(strings.TrimSpace(send(0, "GET /flashes", "")), "\n")...)
	shown = slices.DeleteFunc(shown, func(line string) bool { return line == "" })
	if rest := send(1, "GET /flashes", ""); rest != "" {
		t.Errorf("shown again: %q", rest)
	}
	for i := range total {
		want := fmt.Sprintf("message %d", i)
		n := 0
		for _, line := range shown {
			if line == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q was shown %d times", want, n)
		}
	}
}
