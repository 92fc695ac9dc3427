package redis

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func hexID(n int) string { return fmt.Sprintf("%064x", n) }

func lasting(data string) store.Record {
	now := time.Now()
	return store.Record{Data: []byte(data), Expires: now.Add(time.Hour), Deadline: now.Add(12 * time.Hour)}
}

// fill stores n records.
func fill(t *testing.T, s *redisstore.Store, n int) {
	t.Helper()
	const workers = 64
	errs := make(chan error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				if _, err := s.Create(context.Background(), hexID(i), lasting("a session")); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
}

// countAll counts what is listed, with duplicates, and returns the most memory that was
// in use.
func countAll(t *testing.T, s *redisstore.Store) (n int, most uint64) {
	t.Helper()
	cursor := ""
	for pages := 0; ; pages++ {
		page, next, err := s.All(t.Context(), cursor, 200)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page)
		if pages%500 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		if cursor = next; cursor == "" {
			return n, most
		}
	}
}

// TestAMillion lists a million sessions, in memory that does not depend on how many there are.
func TestAMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("stores a million sessions")
	}
	r := servers.StartRedis(t, servers.RedisOptions{})
	s := open(t, r.URL())
	// A million by the server itself, since it takes half a minute by Create.
	for i := range 200 { // little by little, since nothing else is answered meanwhile
		r.Do(t, "EVAL", `local e = redis.call('TIME')[1] + 3600
for i = ARGV[1], ARGV[1] + 4999 do redis.call('SET', string.format('session:%064x', i), 'a session', 'EXAT', e) end`, "0", strconv.Itoa(i*5_000))
	}
	for i := range 1000 {
		owned := lasting("owned")
		owned.Owner = hexID(i)
		if _, err := s.Create(t.Context(), fmt.Sprint("owned ", i), owned); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	n, most := countAll(t, s)
	t.Logf("%d sessions; at most %d KB more than before", n, (int64(most)-int64(before))/1024)
	if n < 1_001_000 || n > 1_010_000 {
		t.Errorf("%d were listed, want 1,001,000 and a few twice at most", n)
	}
	if most > before+16<<20 {
		t.Errorf("listing took %d bytes, want at most 16 MB", most-before)
	}
	if stats := r.Do(t, "INFO", "commandstats"); strings.Contains(stats, "cmdstat_keys:") {
		t.Error("it used KEYS")
	}
}

// TestClusterListing lists while a master is killed, whose replica then has the records.
func TestClusterListing(t *testing.T) {
	c := servers.StartCluster(t, servers.RedisOptions{})
	s := open(t, c.URL())
	const n = 3000
	fill(t, s, n)
	for _, m := range c.Masters() {
		servers.Until(t, "the replica has it all", func() error {
			offset := m.Info("master_repl_offset")
			for _, r := range c.Nodes {
				if r.Info("role") == "slave" && r.Info("master_repl_offset") == offset {
					return nil
				}
			}
			return errors.New("it does not")
		})
	}
	seen := map[string]bool{}
	cursor, pages := "", 0
	servers.Until(t, "the listing ends", func() error {
		for {
			page, next, err := s.All(t.Context(), cursor, 100)
			if err != nil {
				return err // while there is no master
			}
			for _, e := range page {
				seen[e.ID] = true
			}
			if pages++; pages == 3 {
				c.Nodes[2].Kill()
			}
			if cursor = next; cursor == "" {
				return nil
			}
		}
	})
	if len(seen) != n {
		t.Errorf("%d of %d were listed", len(seen), n)
	}
}

// TestIndex looks at an owner's index on the server.
func TestIndex(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{})
	s := open(t, r.URL())
	owner := hexID(7)
	key := "session:owner:" + owner + "\x00"
	create := func(id string, deadline time.Duration) {
		t.Helper()
		record := lasting("data")
		record.Owner, record.Deadline, record.Expires = owner, time.Now().Add(deadline), time.Now().Add(min(deadline, time.Hour))
		if _, err := s.Create(t.Context(), id, record); err != nil {
			t.Fatal(err)
		}
	}
	listed := func() (n int) {
		t.Helper()
		page, next, err := s.Owned(t.Context(), owner, "", 100)
		if err != nil || next != "" {
			t.Fatal(err, next)
		}
		return len(page)
	}
	create("a", 2*time.Hour)
	create("b", time.Hour)
	var ms int64
	fmt.Sscan(r.Do(t, "PEXPIRETIME", key), &ms)
	if d := time.Until(time.UnixMilli(ms)); d < 119*time.Minute || d > 122*time.Minute {
		t.Errorf("the index lives %v, want until the latest deadline, in two hours", d)
	}

	// An entry without a record is listed while it is young, and removed when it is not.
	entry := func(age time.Duration) string {
		return fmt.Sprintf("%d:%d", time.Now().Add(-age).UnixMilli(), time.Now().Add(time.Hour).UnixMilli())
	}
	r.Do(t, "HSET", key, "young", entry(store.IndexGrace/2), "old", entry(2*store.IndexGrace), "strange", "?")
	if n := listed(); n != 3 {
		t.Errorf("%d entries are listed, want two records and a young one", n)
	}
	if got := r.Do(t, "HKEYS", key); strings.Contains(got, "old") || strings.Contains(got, "strange") || !strings.Contains(got, "young") {
		t.Errorf("the index has %q", got)
	}

	// An index that is never listed stays small: writing removes entries past their end.
	past := time.Now().Add(-time.Hour).UnixMilli()
	for i := range 100 {
		r.Do(t, "HSET", key, fmt.Sprint("past ", i), fmt.Sprintf("%d:%d", past, past))
	}
	for i := range 100 {
		create(fmt.Sprint("more ", i), time.Hour)
	}
	var left int
	fmt.Sscan(r.Do(t, "HLEN", key), &left)
	if left > 103+40 {
		t.Errorf("the index has %d entries, want about 103", left)
	}

	// An id may look like the name of an index.
	if _, err := s.Create(t.Context(), "owner:"+owner, lasting("a record")); err != nil {
		t.Error(err)
	}
	if n := listed(); n != 103 {
		t.Errorf("%d entries are listed, want 103", n)
	}
}

// TestLimits: large records, every byte, a long owner name with newlines, a full server.
func TestLimits(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{Args: []string{"--maxmemory", "30mb", "--proto-max-bulk-len", "1mb"}})
	st := open(t, r.URL())
	s := site.Patient(t, st)
	ctx := t.Context()

	owner := strings.Repeat("an owner\nof several lines\n", 400)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	text := strings.Repeat(string(every), 3500) // 896,000 bytes
	session := s.Sessions.Open(ctx, "")
	defer session.Close()
	site.Name.Set(session, text)
	session.Login(owner)
	if err := session.Save(); err != nil {
		t.Fatal(err)
	}
	found := 0
	for info, err := range s.Sessions.Owned(ctx, owner) {
		if err != nil || info.Owner != owner {
			t.Fatal(err)
		}
		found++
	}
	if n, err := s.Sessions.RevokeOwned(ctx, owner); found != 1 || n != 1 || err != nil {
		t.Errorf("%d listed, %d revoked, %v; want 1 of each", found, n, err)
	}

	// The server closes the connection, so its refusal may or may not arrive; nothing
	// is written in any case.
	if _, err := open(t, r.URL()).Create(ctx, hexID(0), lasting(strings.Repeat("x", 2<<20))); err == nil || sentinelError(err) && !errors.Is(err, cloakroom.ErrTooLarge) {
		t.Errorf("more than proto-max-bulk-len: %v, want ErrTooLarge or a broken connection", err)
	}
	if _, err := st.Load(ctx, hexID(0)); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}

	var last store.Record
	var full error
	for i := 0; ; i++ {
		record := lasting(strings.Repeat("x", 100_000))
		var err error
		record.Version, err = st.Create(ctx, hexID(i), record)
		if err != nil {
			full = err
			break
		}
		if last = record; i > 1000 {
			t.Fatal("the server does not fill up")
		}
	}
	r.Do(t, "CONFIG", "SET", "maxmemory", "2mb")
	if !errors.Is(full, cloakroom.ErrFull) {
		t.Errorf("create on a full server: %v, want ErrFull", full)
	}
	if _, err := st.Replace(ctx, hexID(0), last, lasting("small")); !errors.Is(err, cloakroom.ErrFull) {
		t.Errorf("replace on a full server: %v, want ErrFull", err)
	}
	if r, err := st.Load(ctx, hexID(0)); err != nil || r.Version != last.Version {
		t.Errorf("after a refusal: %q, %v", r.Version, err)
	}
	if err := st.Touch(ctx, hexID(0), last, time.Now().Add(2*time.Hour)); err != nil {
		t.Errorf("touch on a full server: %v", err)
	}
	if err := st.Delete(ctx, hexID(0), last); err != nil {
		t.Errorf("delete on a full server: %v", err)
	}
}
