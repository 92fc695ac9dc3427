package memstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A move locks the shard of the lower number first, whichever way it goes: two that cross would
// wait for each other for ever.
func TestMoveLocksInOrder(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	low, high := "0", "1"
	for i := 2; ; i++ {
		a, _ := s.shard(low)
		if b, _ := s.shard(high); a < b {
			break
		}
		high = fmt.Sprint(i)
	}
	for _, ids := range [][2]string{{low, high}, {high, low}} {
		first, _ := s.shard(low)
		second, _ := s.shard(high)
		s.shards[second].mu.Lock()
		moved := make(chan error, 1)
		go func() {
			_, err := s.Move(t.Context(), ids[0], store.Record{}, store.Record{}, ids[1], store.Record{})
			moved <- err
		}()
		tries := 0
		for ; tries < 5000 && s.shards[first].mu.TryLock(); tries++ {
			s.shards[first].mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		if tries == 5000 {
			t.Errorf("from %s to %s: the first shard is not locked while the second one is waited for", ids[0], ids[1])
		}
		s.shards[second].mu.Unlock()
		<-moved
	}
}
