package redis

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/visitor"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// follow makes one server the replica of another.
func follow(t testing.TB, replica, primary *servers.Redis) {
	t.Helper()
	host, port, _ := strings.Cut(primary.Addr, ":")
	replica.Do(t, "REPLICAOF", host, port)
	servers.Until(t, "the replica has caught up", func() error {
		if replica.Info("master_link_status") != "up" {
			return errors.New("it is not linked")
		}
		return nil
	})
}

// TestDemoted: a server that was demoted, and keeps its connections, is left for the
// one that the address leads to by now, by clients that were opened by URL and by those
// of the application's own. Until it leads there, every write is refused at once.
func TestDemoted(t *testing.T) {
	open := map[string]func(t *testing.T, address string) store.Store{
		"by URL":                    func(t *testing.T, a string) store.Store { return open(t, "redis://"+a) },
		"by URL, with a near cache": func(t *testing.T, a string) store.Store { return open(t, "redis://"+a, "near_cache=1m") },
		"by URL, with WAIT":         func(t *testing.T, a string) store.Store { return open(t, "redis://"+a, "wait_replicas=1") },
		"own client": func(t *testing.T, a string) store.Store {
			var connections redisstore.Connections
			option := rueidis.ClientOption{InitAddress: []string{a}, ForceSingleClient: true, DisableRetry: true}
			connections.Track(&option)
			client, err := rueidis.NewClient(option)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			s, err := redisstore.New(client, redisstore.Options{Connections: &connections})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
	programs(t, func(t *testing.T, program string) {
		for name, open := range open {
			t.Run(name, func(t *testing.T) {
				old, promoted := servers.StartRedis(t, servers.RedisOptions{Program: program}), servers.StartRedis(t, servers.RedisOptions{Program: program})
				follow(t, promoted, old)
				p := servers.StartProxy(t, old.Addr)
				m := visitor.Manager(t, open(t, p.Addr))
				ticket, err := visitor.SignIn(m)
				if err != nil {
					t.Fatal(err)
				}
				servers.Until(t, "the replica has the session", func() error {
					if promoted.Do(t, "DBSIZE") != old.Do(t, "DBSIZE") {
						return errors.New("not yet")
					}
					return nil
				})
				promoted.Do(t, "REPLICAOF", "NO", "ONE")
				follow(t, old, promoted)
				_, err = visitor.SignIn(m)
				visitor.WantRefusal(t, "sign in", err, "READONLY")
				_, err = visitor.Visit(m, ticket)
				visitor.WantRefusal(t, "change", err, "READONLY")
				p.Lead(promoted.Addr)
				servers.Until(t, "the new server is found", func() error {
					_, err := visitor.Visit(m, ticket)
					if err != nil {
						visitor.WantRefusal(t, "change", err, "READONLY")
					}
					return err
				})
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() {
						if _, err := visitor.SignIn(m); err != nil {
							t.Errorf("sign in after the failover: %v", err)
						}
					})
				}
				wg.Wait()
				if n, err := m.RevokeOwned(t.Context(), "ada"); n != 21 || err != nil {
					t.Errorf("%d revoked, %v", n, err)
				}
			})
		}
	})
}

// TestRefused: what else a server refuses is told at once, with its own word.
func TestRefused(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		for word, refuse := range map[string]func(t *testing.T, r *servers.Redis){
			"MISCONF": func(t *testing.T, r *servers.Redis) {
				if err := os.Mkdir(r.Dir+"/dump.rdb", 0o700); err != nil { // where it would save
					t.Fatal(err)
				}
				r.Do(t, "CONFIG", "SET", "save", "3600 1")
				r.Do(t, "SET", "some", "thing")
				r.Do(t, "BGSAVE")
				servers.Until(t, "saving has failed", func() error {
					if r.Info("rdb_last_bgsave_status") != "err" {
						return errors.New("not yet")
					}
					return nil
				})
			},
			"NOREPLICAS": func(t *testing.T, r *servers.Redis) { r.Do(t, "CONFIG", "SET", "min-replicas-to-write", "1") },
			"NOPERM": func(t *testing.T, r *servers.Redis) {
				r.Do(t, "ACL", "SETUSER", "default", "-evalsha", "-eval", "-set")
			},
			"refused": func(t *testing.T, r *servers.Redis) {
				r.Do(t, "ACL", "SETUSER", "default", "-@write", "+evalsha", "+eval")
			},
			"MASTERDOWN": func(t *testing.T, r *servers.Redis) {
				r.Do(t, "CONFIG", "SET", "replica-serve-stale-data", "no")
				r.Do(t, "REPLICAOF", "127.0.0.1", "1")
			},
		} {
			t.Run(word, func(t *testing.T) {
				r := servers.StartRedis(t, servers.RedisOptions{Program: program})
				m := visitor.Manager(t, open(t, r.URL()))
				ticket, err := visitor.SignIn(m)
				if err != nil {
					t.Fatal(err)
				}
				refuse(t, r)
				_, err = visitor.SignIn(m)
				visitor.WantRefusal(t, "sign in", err, word)
				_, err = visitor.Visit(m, ticket)
				visitor.WantRefusal(t, "change", err, word)
				_, err = m.RevokeOwned(t.Context(), "ada")
				visitor.WantRefusal(t, "revoke", err, word)
			})
		}
	})
}

// TestOtherType: a key of another type where a session was is a damaged record: it
// costs nothing but that session, and can be ended.
func TestOtherType(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		for _, parameters := range []string{"cluster=false", "near_cache=1m", "wait_replicas=0"} {
			t.Run(parameters, func(t *testing.T) {
				r := servers.StartRedis(t, servers.RedisOptions{Program: program})
				s := open(t, r.URL(), parameters)
				owner := strings.Repeat("0a", 32)
				record := store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour), Owner: owner}
				var err error
				if record.Version, err = s.Create(t.Context(), "bad", record); err != nil {
					t.Fatal(err)
				}
				r.Do(t, "DEL", "session:bad")
				r.Do(t, "RPUSH", "session:bad", "a list")
				unreadable := func(what string, err error) {
					t.Helper()
					if !errors.Is(err, cloakroom.ErrUnreadable) {
						t.Errorf("%s: %v", what, err)
					}
				}
				_, err = s.Load(t.Context(), "bad")
				unreadable("load", err)
				_, err = s.Replace(t.Context(), "bad", record, record)
				unreadable("replace", err)
				_, err = s.Move(t.Context(), "bad", record, record, "other", record)
				unreadable("move", err)
				unreadable("delete what it was", s.Delete(t.Context(), "bad", record))
				if _, err := s.Create(t.Context(), "bad", record); !errors.Is(err, store.ErrExists) {
					t.Errorf("create: %v", err)
				}
				if page, _, err := s.All(t.Context(), "", 10); err != nil || len(page) != 0 {
					t.Errorf("listed: %v, %v", page, err)
				}
				page, _, err := s.Owned(t.Context(), owner, "", 10)
				// and that of the move that failed
				if err != nil || len(page) != 1+1 || page[0].Record.Version != "" {
					t.Errorf("listed by owner: %v, %v", page, err)
				}
				if err := s.Delete(t.Context(), "bad", store.Record{}); err != nil {
					t.Errorf("delete: %v", err)
				}
				otherTypeSession(t, r, s)
			})
		}
	})
}

// otherTypeSession fails unless a session whose key holds something else can be signed
// out, and revoked among others.
func otherTypeSession(t *testing.T, r *servers.Redis, s *redisstore.Store) {
	t.Helper()
	m := visitor.Manager(t, s)
	for range 3 {
		if _, err := visitor.SignIn(m); err != nil {
			t.Fatal(err)
		}
	}
	keys := strings.Fields(r.Do(t, "KEYS", "session:????????????????????????????????????????????????????????????????"))
	r.Do(t, "DEL", keys[0])
	r.Do(t, "HSET", keys[0], "a", "hash")
	if n, err := m.RevokeOwned(t.Context(), "ada"); n < 2 || err != nil {
		t.Errorf("%d revoked, %v", n, err)
	}
	for info, err := range m.Owned(t.Context(), "ada") {
		t.Errorf("%v, %v is left", info, err)
	}
	if kind := r.Do(t, "TYPE", keys[0]); kind == "hash" {
		t.Error("it is still there")
	}
	ticket, err := visitor.SignIn(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields(r.Do(t, "KEYS", "session:????????????????????????????????????????????????????????????????")) {
		r.Do(t, "DEL", key)
		r.Do(t, "RPUSH", key, "a list")
	}
	session := m.Open(t.Context(), ticket)
	defer session.Close()
	if err := errors.Join(session.Logout(), session.Save()); err != nil {
		t.Errorf("sign out: %v", err)
	}
	// An index that is none is told of, and is no session's fault.
	for _, key := range strings.Fields(r.Do(t, "KEYS", "session:owner:*")) {
		r.Do(t, "DEL", key)
		r.Do(t, "SET", key, "text")
	}
	_, err = visitor.SignIn(m)
	visitor.WantRefusal(t, "sign in", err, "owner index")
	_, err = m.RevokeOwned(t.Context(), "ada")
	visitor.WantRefusal(t, "revoke", err, "owner index")
}
