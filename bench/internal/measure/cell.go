package measure

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Key identifies a cell.
type Key struct {
	Store   string `json:"store"`
	Library string `json:"library"`
	Act     Act    `json:"act"`
	Payload int    `json:"payload"` // bytes of the value
	Clients int    `json:"clients"` // at once; 0 is one alone, in processor time

	Sessions int `json:"sessions,omitempty"` // in the store, where it varies
}

func (k Key) String() string {
	return fmt.Sprintf("%s on %s: %s %s, %d clients",
		k.Library, k.Store, k.Act, Size(k.Payload), k.Clients)
}

// Name names the cell in one word among those of its store and number of clients.
func (k Key) Name() string {
	name := k.Library + "/" + string(k.Act)
	if k.Payload > 0 {
		name += "-" + Size(k.Payload)
	}
	return strings.ReplaceAll(name, " ", "-")
}

// Size writes a number of bytes as the tables do: 100B, 1KB, 10KB.
func Size(payload int) string {
	if payload >= 1000 && payload%1000 == 0 {
		return strconv.Itoa(payload/1000) + "KB"
	}
	return strconv.Itoa(payload) + "B"
}

// Cell is what can be measured.
type Cell interface {
	Key() Key
	Bare() Key // the cell that is subtracted
	Sample(each time.Duration) (Sample, error)
}

// Sample is one measurement of a cell, for one request.
type Sample struct {
	Nanos   float64 `json:"nanos"`
	Bytes   float64 `json:"bytes"`  // allocated
	Allocs  float64 `json:"allocs"` // their number
	latency *histogram
}

// Latency returns how long the requests took, where they were measured by the clock.
func (s Sample) Latency() Latency { return s.latency.latency() }

// Crowd is the visitors that cells of one site, act and payload share.
type Crowd struct {
	site     *Site
	act      Act
	payload  int
	visitors []*Visitor
	handlers []http.Handler

	cookies  []string // if set, each request has one of them
	sessions int
}

// NewCrowd returns visitors of a site that do act.
func NewCrowd(s *Site, act Act, payload int) *Crowd {
	return &Crowd{site: s, act: act, payload: payload}
}

// NewPopulation returns visitors whose requests use one of the cookies each, at random.
// What they write is not checked.
func NewPopulation(s *Site, act Act, payload int, cookies []string) *Crowd {
	c := NewCrowd(s, act, payload)
	c.cookies, c.sessions = cookies, len(cookies)
	return c
}

// grow adds visitors, each with a session, up to n.
func (c *Crowd) grow(n int) error {
	for len(c.visitors) < n {
		v, err := newVisitor(c.payload)
		if err != nil {
			return err
		}
		switch {
		case c.cookies != nil:
			v.cookies, v.state = c.cookies, uint64(len(c.visitors))+1
			v.request.Header["Cookie"] = []string{c.cookies[0]}
		case c.site.Does(Read):
			if err := v.start(c.site); err != nil {
				return err
			}
		}
		c.visitors = append(c.visitors, v)
		c.handlers = append(c.handlers, c.site.Handler(c.act, v))
	}
	return nil
}

// Key returns the key of the cell of so many visitors at once.
func (c *Crowd) Key(clients int) Key {
	return Key{
		Store: c.site.Store, Library: c.site.Library, Act: c.act, Payload: c.payload,
		Clients: clients, Sessions: c.sessions,
	}
}

func (c *Crowd) bareKey(clients int) Key {
	return Key{
		Store: c.site.Store, Library: c.site.bare(), Act: Untouched,
		Clients: clients, Sessions: c.sessions,
	}
}

// verify checks the responses to the n requests that v made since its writer was reset,
// and what they stored.
func (c *Crowd) verify(v *Visitor, n int) error {
	err := v.writer.check(n)
	if err == nil && c.act == Write && c.cookies == nil {
		err = v.once(c.site, Check)
	}
	if err == nil && c.act == SignIn {
		served := v.served
		v.served = 0 // what was stored at the start is still there
		err = v.once(c.site, Check)
		v.served = served
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c.Key(0), err)
	}
	return nil
}

// Fresh writes a value and reads it at once, repeatedly, as the same visitor.
func (c *Crowd) Fresh(times int) error {
	if err := c.grow(1); err != nil {
		return err
	}
	v := c.visitors[0]
	write := c.site.Handler(Write, v)
	for range times {
		v.writer.reset()
		v.serve(write)
		if err := v.writer.check(1); err != nil {
			return err
		}
		if err := v.once(c.site, Check); err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
	}
	return nil
}

// Counts are what one request of a cell asks of its store.
type Counts struct {
	Calls float64 `json:"calls"` // store calls; below zero if unknown
	Wire  float64 `json:"wire"`  // bytes to the server and back; below zero if unknown
}

// Count makes n requests, which are not timed, and counts what reaches the store. It
// subtracts the cost of asking the server for its counters.
func (c *Crowd) Count(n int) (Counts, error) {
	counts := Counts{Calls: -1, Wire: -1}
	if err := c.grow(1); err != nil {
		return counts, err
	}
	v, site := c.visitors[0], c.site
	if site.Counted != nil {
		site = site.Counted
	}
	handler := site.Handler(c.act, v)
	v.serve(handler) // what the first request does once
	v.follow()
	var wire, asking, calls int64
	if c.site.Wire != nil {
		wire = c.site.Wire()
		asking = c.site.Wire() - wire
		wire += asking
	}
	if c.site.Calls != nil {
		calls = c.site.Calls()
	}
	v.writer.reset()
	next := v.next(handler, c.act)
	for range n {
		next()
	}
	if c.site.Calls != nil {
		counts.Calls = float64(c.site.Calls()-calls) / float64(n)
	}
	if c.site.Wire != nil {
		counts.Wire = float64(c.site.Wire()-wire-asking) / float64(n)
	}
	return counts, c.verify(v, n)
}
