// Package adaptertest is what the tests of several adapters need: a manager whose store can
// be made to fail, and clients that keep the cookie.
package adaptertest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// Site is a manager of sessions in memory, whose store counts and can be made to fail.
type Site struct {
	*cloakroom.Manager

	Calls *countstore.Store
	Full  atomic.Bool // the store refuses what is written
	Down  atomic.Bool // the store cannot be read
	Log   Buffer
}

// NewSite returns a site, whose cookie is sent over plain HTTP too.
func NewSite(t testing.TB) *Site {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() }) // it never fails
	s := new(Site)
	faulty := storetest.NewFaulty(memory)
	faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
		if s.Full.Load() && op != storetest.OpLoad {
			return storetest.Failed().Reporting(store.ErrFull)
		}
		if s.Down.Load() && op == storetest.OpLoad {
			return storetest.Failed()
		}
		return storetest.Fault{}
	}
	s.Calls = countstore.New(faulty)
	s.Manager, err = cloakroom.New(s.Calls, cloakroom.Options{
		InsecureCookie: true,
		Logger:         slog.New(slog.NewTextHandler(&s.Log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Buffer is a log that several goroutines may write to. The zero value is empty.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Has reports whether a text was written.
func (b *Buffer) Has(text string) bool { return strings.Contains(b.String(), text) }
