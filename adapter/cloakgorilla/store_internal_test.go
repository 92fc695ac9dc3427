package cloakgorilla

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// TestForgets: what a session was loaded with goes when the session does.
func TestForgets(t *testing.T) {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	m, err := cloakroom.New(memory, cloakroom.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	st := New(m, Options{})
	handler := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := st.Get(r, "s")
		if err != nil {
			t.Error(err)
		}
		s.Values["k"] = "v"
		if err := s.Save(r, w); err != nil {
			t.Error(err)
		}
	}))
	kept := func() (n int) {
		st.loaded.Range(func(any, any) bool { n++; return true })
		return n
	}
	for range 10 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	for range 10_000 {
		if kept() == 0 {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	t.Errorf("%d are kept", kept())
}
