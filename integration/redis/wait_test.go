package redis

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

func sentinelError(err error) bool {
	for _, e := range []error{cloakroom.ErrNotFound, store.ErrExists, cloakroom.ErrConflict, cloakroom.ErrTooLarge, cloakroom.ErrFull} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// TestWait: a write that too few replicas have is of unknown outcome, also to who looks
// again, until they have it.
func TestWait(t *testing.T) {
	s := servers.StartSentinel(t, servers.RedisOptions{Args: []string{"--repl-timeout", "600"}})
	url := "redis://" + s.Servers[0].Addr
	waits, plain := open(t, url, "wait_replicas=1", "wait_timeout=100ms"), open(t, url)
	patient := open(t, url, "wait_replicas=1", "wait_timeout=20s") // a busy machine takes its time
	ctx := t.Context()
	record := lasting("first")
	var err error
	if record.Version, err = patient.Create(ctx, hexID(1), record); err != nil {
		t.Fatal(err)
	}
	s.Servers[1].Pause(t)
	if _, err := waits.Replace(ctx, hexID(1), record, lasting("second")); err == nil || sentinelError(err) {
		t.Errorf("a replace that the replica does not have: %v, want an error that is no sentinel", err)
	}
	if err := waits.Touch(ctx, hexID(1), record, time.Now().Add(2*time.Hour)); err == nil || sentinelError(err) {
		t.Errorf("a touch: %v", err)
	}
	if err := waits.Delete(ctx, hexID(2), store.Record{}); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("a delete of nothing: %v", err)
	}
	if _, err := waits.Load(ctx, hexID(1)); err == nil || sentinelError(err) {
		t.Errorf("loading what the replica does not have: %v, want an error that is no sentinel", err)
	}
	if r, err := plain.Load(ctx, hexID(1)); err != nil || string(r.Data) != "second" {
		t.Errorf("the master has %q, %v", r.Data, err)
	}
	s.Servers[1].Resume(t)
	servers.Until(t, "the replica has it", func() error {
		r, err := waits.Load(ctx, hexID(1))
		if err == nil && string(r.Data) != "second" {
			t.Fatalf("loaded %q", r.Data)
		}
		return err
	})
	if got := s.Servers[1].Do(t, "GET", "session:"+hexID(1)); got != "second" {
		t.Errorf("the replica has %q", got)
	}
}
