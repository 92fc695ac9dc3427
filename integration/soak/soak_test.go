// Package soak uses sessions for a long time and checks that nothing grows.
package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver that sqlstore is tested with

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

var (
	forFlag  = flag.Duration("soak.for", 8*time.Second, "how long the load lasts; the published run took 30m")
	plotFlag = flag.String("soak.plot", "", "write the figure to this `file`")
)

// idle is short, so that abandoned sessions expire while others begin.
const idle = 3 * time.Second

const (
	name  = cloakroom.Key[string]("name")
	count = cloakroom.Key[int]("count")
)

// place is a store under load.
type place struct {
	name     string
	sessions *cloakroom.Manager
	site     http.Handler
	disk     func() (int64, error) // what it takes on disk, or in the server's memory

	requests, failed atomic.Int64
}

func places(t *testing.T) []*place {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "sessions.db")
	redis := servers.StartRedis(t, servers.RedisOptions{})
	return []*place{
		newPlace(t, "files", "file://"+dir+"?sync=off", func() (int64, error) { return used(dir) }),
		newPlace(t, "SQLite", "sqlite://"+file+"?synchronous=off", func() (int64, error) { return used(filepath.Dir(file)) }),
		newPlace(t, "Redis", redis.URL(), func() (int64, error) { return strconv.ParseInt(redis.Info("used_memory"), 10, 64) }),
	}
}

func newPlace(t *testing.T, what, rawURL string, disk func() (int64, error)) *place {
	t.Helper()
	store, closer, err := storeurl.Open(t.Context(), rawURL, filestore.Opener(), redisstore.Opener(), sqlstore.Opener(sqlstore.SQLite, "sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{Idle: idle, Lifetime: 4 * idle, InsecureCookie: true, Logger: slog.New(slog.DiscardHandler), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{name: what, sessions: m, disk: disk}
	p.site = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r) }))
	return p
}

// used returns the size of all files in a folder.
func used(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a session that ended meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total, err
}

func (p *place) serve(w http.ResponseWriter, r *http.Request) {
	s := p.sessions.Get(r)
	var err error
	switch r.URL.Path {
	case "/name":
		name.Set(s, r.FormValue("name"))
	case "/read":
		fmt.Fprintln(w, name.Get(s))
	case "/count":
		_, err = count.UpdateNow(s, func(n int) int { return n + 1 })
	case "/flash":
		s.Flash("message", "hello")
		s.Flashes()
	case "/login":
		err = s.Login(r.FormValue("name"))
	case "/logout":
		err = s.Logout()
	case "/revoke":
		_, err = p.sessions.RevokeOwned(r.Context(), r.FormValue("name"))
	}
	if err != nil && !errors.Is(err, cloakroom.ErrEnded) {
		http.Error(w, "failed", http.StatusServiceUnavailable)
	}
}

// visit is one visitor, who rarely signs out before leaving.
func (p *place) visit(lots *rand.Rand) {
	who, cookie := "visitor-"+strconv.Itoa(lots.IntN(500)), ""
	ask := func(path string) {
		r := httptest.NewRequest(http.MethodGet, path+"?name="+who+strings.Repeat("x", lots.IntN(300)), nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		p.site.ServeHTTP(w, r)
		p.requests.Add(1)
		if w.Code != http.StatusOK {
			p.failed.Add(1)
		}
		for _, c := range w.Result().Cookies() {
			cookie = c.Name + "=" + c.Value
		}
	}
	ask("/name")
	for range lots.IntN(12) {
		ask([]string{"/read", "/read", "/read", "/count", "/name", "/flash", "/login"}[lots.IntN(7)])
		time.Sleep(time.Duration(lots.IntN(20)) * time.Millisecond)
	}
	switch lots.IntN(10) {
	case 0, 1:
		ask("/logout")
	case 2:
		ask("/revoke")
	}
}

// sample is the resources that the process and its stores use.
type sample struct {
	at         time.Duration
	heap       int64
	goroutines int64
	files      int64 // descriptors
	disk       []int64
}

func measure(t *testing.T, all []*place, at time.Duration) sample {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := sample{at: at, heap: int64(m.HeapAlloc), goroutines: int64(runtime.NumGoroutine())}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.files = int64(len(open))
	}
	for _, p := range all {
		n, err := p.disk()
		if err != nil {
			t.Error(err)
		}
		s.disk = append(s.disk, n)
	}
	return s
}

// TestSoak: once all sessions have expired, memory, goroutines, descriptors and disk are
// back to where they were after the first ones had.
func TestSoak(t *testing.T) {
	all := places(t)
	begin := time.Now()
	// so that pools are filled and files have been made
	load(t, all, max(2*time.Second, *forFlag/30), nil)
	drain(t, all)
	base := measure(t, all, time.Since(begin))
	samples := []sample{base}
	load(t, all, *forFlag, func() { samples = append(samples, measure(t, all, time.Since(begin))) })
	drain(t, all)
	end := measure(t, all, time.Since(begin))
	samples = append(samples, end)
	for _, p := range all {
		t.Logf("%s: %d requests, %d failed", p.name, p.requests.Load(), p.failed.Load())
		if p.failed.Load() > p.requests.Load()/1000 {
			t.Errorf("%s: %d of %d requests failed", p.name, p.failed.Load(), p.requests.Load())
		}
	}
	within := func(what string, now, before, slack int64) {
		t.Helper()
		t.Logf("%s: %d, then %d", what, before, now)
		if now > before+slack {
			t.Errorf("%s grew from %d to %d", what, before, now)
		}
	}
	within("memory", end.heap, base.heap, 4<<20)
	within("goroutines", end.goroutines, base.goroutines, 8)
	within("descriptors", end.files, base.files, 16)
	for i, p := range all {
		within(p.name+" on disk", end.disk[i], base.disk[i], base.disk[i]/2+2<<20)
	}
	if *plotFlag != "" {
		if err := os.WriteFile(*plotFlag, plot(all, samples), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// load lets visitors come for that long, and calls look a hundred times, unless it is
// nil.
func load(t *testing.T, all []*place, d time.Duration, look func()) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var visitors sync.WaitGroup
	for i, p := range all {
		for n := range 12 {
			visitors.Go(func() {
				lots := rand.New(rand.NewPCG(uint64(i), uint64(n)))
				for ctx.Err() == nil {
					p.visit(lots)
					time.Sleep(time.Duration(lots.IntN(40)) * time.Millisecond)
				}
			})
		}
		visitors.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(idle / 3)
				if _, err := p.sessions.Sweep(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%s: sweep: %v", p.name, err)
				}
			}
		})
	}
	tick := time.NewTicker(max(d/100, 100*time.Millisecond))
	defer tick.Stop()
	for look != nil && ctx.Err() == nil {
		select {
		case <-tick.C:
			look()
		case <-ctx.Done():
		}
	}
	visitors.Wait()
}

// drain waits until every session has expired and is swept.
func drain(t *testing.T, all []*place) {
	t.Helper()
	time.Sleep(4*idle + time.Second)
	for _, p := range all {
		servers.Until(t, p.name+" is empty", func() error {
			if _, err := p.sessions.Sweep(t.Context()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				return err
			}
			for info, err := range p.sessions.All(t.Context()) {
				if err != nil {
					return err
				}
				return fmt.Errorf("session %s is left", info.ID)
			}
			return nil
		})
	}
}

func plot(all []*place, samples []sample) []byte {
	curve := func(title string, of func(*sample) float64) panel {
		p := panel{title: title}
		for i := range samples {
			p.at = append(p.at, samples[i].at.Minutes())
			p.value = append(p.value, of(&samples[i]))
		}
		return p
	}
	panels := []panel{
		curve("memory after collecting garbage, MB", func(s *sample) float64 { return float64(s.heap) / 1e6 }),
		curve("goroutines", func(s *sample) float64 { return float64(s.goroutines) }),
		curve("descriptors", func(s *sample) float64 { return float64(s.files) }),
	}
	requests := int64(0)
	for i, p := range all {
		requests += p.requests.Load()
		what := "on disk"
		if p.name == "Redis" {
			what = "memory of the server"
		}
		panels = append(panels, curve(p.name+": "+what+", MB", func(s *sample) float64 { return float64(s.disk[i]) / 1e6 }))
	}
	return figure(fmt.Sprintf("%d requests to files, SQLite and Redis; sessions expire after %v", requests, idle), panels)
}
