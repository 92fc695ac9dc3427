package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

const indexCommand = "EVALSHA "

func hourRecord(data, owner string) store.Record {
	r := store.Record{Data: []byte(data), Owner: owner, Expires: time.Now().Add(time.Hour)}
	r.Version = version(r.Data)
	return r
}

// The owner's index has the entry before the record is there, so that it misses none.
func TestCreateIndexesFirst(t *testing.T) {
	s, f := newFakeStore(t, Options{}, func(words []string) string {
		return map[string]string{"EVALSHA": answerInt(scriptDone), "SET": answerOK}[words[0]]
	})
	if _, err := s.Create(t.Context(), "id", hourRecord("data", "ann")); err != nil {
		t.Fatal(err)
	}
	index, record := f.position(indexCommand+indexScript.sha), f.position("SET session:id data NX")
	if index < 0 || record < index {
		t.Errorf("index %d, record %d: %q", index, record, f.commands)
	}
}

// A record whose owner cannot be indexed is not stored.
func TestCreateWithoutIndex(t *testing.T) {
	s, f := newFakeStore(t, Options{}, func(words []string) string {
		return map[string]string{"EVALSHA": answerError("OOM command not allowed"), "SET": answerOK}[words[0]]
	})
	if _, err := s.Create(t.Context(), "id", hourRecord("data", "ann")); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v", err)
	}
	if f.position("SET") >= 0 {
		t.Errorf("it was stored: %q", f.commands)
	}
}

// A replacement that changes the owner removes the entry from the former one's index, afterwards.
func TestReplaceUnindexesFormerOwner(t *testing.T) {
	for _, next := range []string{"bob", "", "ann"} {
		s, f := newFakeStore(t, Options{}, func(words []string) string {
			return map[string]string{
				"EVALSHA": answerInt(scriptDone), "SET": answerError("ERR syntax error"), "HDEL": answerInt(1),
			}[words[0]]
		})
		if _, err := s.Replace(t.Context(), "id", hourRecord("old", "ann"), hourRecord("new", next)); err != nil {
			t.Fatal(err)
		}
		replaced, removed := f.position(indexCommand+replaceScript.sha), f.position("HDEL "+s.ownerKey("ann")+" id")
		if changed := next != "ann"; (removed >= 0) != changed || changed && removed < replaced {
			t.Errorf("to %q: %q", next, f.commands)
		}
	}
}

// A record that expires between the two commands that read it is not there.
func TestLoadExpiresMeanwhile(t *testing.T) {
	for answered, want := range map[int64]error{noKey: store.ErrNotFound, -1: nil, 1 << 41: nil} {
		s, _ := newFakeStore(t, Options{}, func(words []string) string {
			return map[string]string{"GET": answerBulk("data"), "PEXPIRETIME": answerInt(answered)}[words[0]]
		})
		r, err := s.Load(t.Context(), "id")
		if !errors.Is(err, want) || want == nil && string(r.Data) != "data" || want != nil && r.Data != nil {
			t.Errorf("expiry %d: %q, %v", answered, r.Data, err)
		}
	}
}

// What Redis refuses at once is told as the sentinel for it, and without the arguments.
func TestRefusals(t *testing.T) {
	for answered, want := range map[string]error{
		"OOM command not allowed when used memory > 'maxmemory'.":                         store.ErrFull,
		"ERR string exceeds maximum allowed size (proto-max-bulk-len)":                    store.ErrTooLarge,
		"WRONGTYPE Operation against a key holding the wrong kind of value":               store.ErrUnreadable,
		"READONLY You can't write against a read only replica.":                           store.ErrRefused,
		"ERR unknown command 'SET', with args beginning with: 'session:id' 'secret data'": store.ErrRefused,
		"ERR something else": nil,
	} {
		s, _ := newFakeStore(t, Options{}, func([]string) string { return answerError(answered) })
		_, err := s.Create(t.Context(), "id", hourRecord("secret data", ""))
		if err == nil || !strings.HasPrefix(err.Error(), "redisstore: create: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", answered, err)
		}
		for _, sentinel := range []error{store.ErrFull, store.ErrTooLarge, store.ErrUnreadable, store.ErrRefused} {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("%s: %v, want %v", answered, err, want)
			}
		}
	}
}
