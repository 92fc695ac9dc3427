package redisstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// maxScans bounds how often All calls SCAN to fill a page. Each call looks at about as many keys as
// the page has entries, those of other data included.
const maxScans = 16

// All implements [store.Lister]. Pages are as those of [Store.Owned]. It calls SCAN, which does not
// block the server, on all masters in a Cluster. When these change during a listing it starts
// again, and lists records twice. A slot that moves to another node meanwhile may be missed.
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	at, err := parsePlace(cursor)
	if err != nil {
		return nil, "", err
	}
	page, next, err := s.list(ctx, at, pageSize(limit))
	if err != nil {
		return nil, "", failed("list", err)
	}
	return page, next.String(), nil
}

func (s *Store) list(ctx context.Context, at place, limit int) ([]store.Entry, place, error) {
	nodes, topology, err := s.masters(ctx)
	if err != nil {
		return nil, place{}, err
	}
	if at.topology != topology || at.node >= len(nodes) {
		at = place{topology: topology}
	}
	var keys []string
	for range maxScans {
		var found []string
		if found, at, err = s.scan(ctx, nodes[at.node], at, limit); err != nil {
			return nil, place{}, err
		}
		keys = append(keys, found...)
		if at.scan == 0 {
			at.node++
			if at.process = ""; at.node == len(nodes) {
				at.end = true
			}
		}
		if len(keys) >= limit || at.end {
			break
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys) // SCAN may return one twice
	records, _, err := s.loadAll(ctx, keys)
	if err != nil {
		return nil, place{}, err
	}
	page := make([]store.Entry, 0, len(keys))
	for i, k := range keys {
		if records[i].Version != "" {
			page = append(page, store.Entry{ID: k[len(s.prefix):], Record: records[i]})
		}
	}
	return page, at, nil
}

// scan returns some keys of records. A cursor of SCAN means nothing to another server process, as
// after a restart or a failover: the scan then starts again.
func (s *Store) scan(
	ctx context.Context, node rueidis.Client, at place, limit int,
) ([]string, place, error) {
	for {
		results, err := s.callAll(ctx, func(ctx context.Context) []rueidis.RedisResult {
			b := node.B()
			return node.DoMulti(ctx,
				b.Scan().Cursor(at.scan).Match(s.match).Count(int64(limit)).Type("string").Build(),
				b.Info().Section("server").Build())
		})
		if err != nil {
			return nil, at, err
		}
		entry, err := results[0].AsScanEntry()
		if err != nil {
			return nil, at, err
		}
		info, err := results[1].ToString()
		if e, refused := rueidis.IsRedisErr(err); err != nil &&
			(!refused || !strings.HasPrefix(e.Error(), "NOPERM")) {
			return nil, at, err
		}
		process := processOf(info)
		if at.scan != 0 && process != at.process {
			at.scan = 0
			continue
		}
		at.scan, at.process = entry.Cursor, process
		keys := slices.DeleteFunc(entry.Elements, func(key string) bool {
			return !strings.HasPrefix(key, s.prefix)
		})
		return keys, at, nil
	}
}

// processOf returns a short id of a server process, or "".
func processOf(info string) string {
	_, id, ok := strings.Cut(info, "\nrun_id:")
	if !ok || len(id) < 12 {
		return ""
	}
	return id[:12]
}

// masters returns a client of each master, in an order that stays the same while topology does.
func (s *Store) masters(ctx context.Context) (nodes []rueidis.Client, topology string, err error) {
	if !s.cluster {
		return []rueidis.Client{s.client}, "-", nil
	}
	clients := s.client.Nodes()
	err = errors.New("the client knows no node")
	for addr, c := range clients {
		var slots rueidis.RedisMessage
		res := s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
			return c.Do(ctx, c.B().ClusterSlots().Build())
		})
		if slots, err = res.ToMessage(); err != nil {
			continue // another node knows it too
		}
		var masters []string
		if masters, topology, err = parseSlots(&slots, addr); err != nil {
			continue
		}
		nodes = nodes[:0]
		for _, m := range masters {
			if clients[m] == nil {
				err = fmt.Errorf("the client does not know the master %s yet", m)
				break
			}
			nodes = append(nodes, clients[m])
		}
		if err == nil {
			return nodes, topology, nil
		}
	}
	return nil, "", err
}

// parseSlots returns the addresses of the masters in an answer of the node at addr to CLUSTER
// SLOTS.
func parseSlots(
	reply *rueidis.RedisMessage, addr string,
) (masters []string, topology string, err error) {
	ranges, err := reply.ToArray()
	if err != nil {
		return nil, "", err
	}
	var all []string
	for i := range ranges {
		parts, err := ranges[i].ToArray()
		if err != nil || len(parts) < 3 {
			return nil, "", errors.New("CLUSTER SLOTS is not understood")
		}
		master, err := parts[2].ToArray()
		if err != nil || len(master) < 2 {
			return nil, "", errors.New("CLUSTER SLOTS is not understood")
		}
		from, err1 := parts[0].AsInt64()
		to, err2 := parts[1].AsInt64()
		port, err3 := master[1].AsInt64()
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, "", err
		}
		host, _ := master[0].ToString() // null for the host that was asked
		m := join(host, port, addr)
		all = append(all, fmt.Sprintf("%d-%d@%s", from, to, m))
		masters = append(masters, m)
	}
	if len(masters) == 0 {
		return nil, "", errors.New("no node has slots")
	}
	slices.Sort(masters)
	slices.Sort(all)
	h := fnv.New64a()
	for _, a := range all {
		_, _ = h.Write([]byte(a + "\n")) // never fails
	}
	return slices.Compact(masters), strconv.FormatUint(h.Sum64(), 36), nil
}

// place is how far a listing is.
type place struct {
	topology string // of the Cluster when the listing began
	node     int    // how many masters are done
	process  string // the server process that scan belongs to
	scan     uint64 // SCAN's cursor
	end      bool
}

// String returns the cursor, which is empty at the end.
func (p place) String() string {
	if p.end {
		return ""
	}
	return fmt.Sprintf("%s:%d:%s:%d", p.topology, p.node, p.process, p.scan)
}

func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return place{}, nil
	}
	parts := strings.Split(cursor, ":")
	if len(parts) != 4 {
		return p, badCursor(cursor)
	}
	p.topology, p.process = parts[0], parts[2]
	node, err1 := strconv.ParseUint(parts[1], 10, 16)
	scan, err2 := strconv.ParseUint(parts[3], 10, 64)
	if err1 != nil || err2 != nil {
		return p, badCursor(cursor)
	}
	p.node, p.scan = int(node), scan
	return p, nil
}

// join returns the address of a node as the client spells it.
func join(host string, port int64, asked string) string {
	if host == "" {
		host, _, _ = net.SplitHostPort(asked)
	}
	return net.JoinHostPort(host, strconv.FormatInt(port, 10))
}
