package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"
)

// scsCells are the cells of scs with its memory store, its defaults, and a codec, or its own
// when that is nil: encoding/gob.
func scsCells(peer string, codec scs.Codec) []func() (*cell, error) {
	sessions := scs.New()
	sessions.Store = scsmem.NewWithCleanupInterval(0)
	if codec != nil {
		sessions.Codec = codec
	}
	acting := func(act string, handler func(*cell) http.Handler) func() (*cell, error) {
		return func() (*cell, error) { return newSCS(sessions, peer+" "+act, handler) }
	}
	return []func() (*cell, error){
		acting("untouched", func(*cell) http.Handler { return untouching }),
		acting("read", func(*cell) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer(w, sessions.GetString(r.Context(), string(name)) == values[1])
			})
		}),
		func() (*cell, error) {
			c, err := newSCS(sessions, peer+" write", func(c *cell) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					sessions.Put(r.Context(), string(name), values[c.served%2])
					answer(w, true)
				})
			})
			if err != nil {
				return nil, err
			}
			c.stored = func() (stored string, err error) {
				sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					stored = sessions.GetString(r.Context(), string(name))
				})).ServeHTTP(newWriter(), c.request)
				return stored, nil
			}
			return c, nil
		},
	}
}

func newSCS(sessions *scs.SessionManager, cellName string, handler func(*cell) http.Handler) (*cell, error) {
	first, err := request("")
	if err != nil {
		return nil, err
	}
	w := newWriter()
	sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), string(name), values[1])
	})).ServeHTTP(w, first)
	cookies := (&http.Response{Header: w.header}).Cookies()
	if len(cookies) != 1 {
		return nil, errors.New(cellName + ": no cookie was handed out")
	}
	r, err := request(cookies[0].Name + "=" + cookies[0].Value)
	c := &cell{name: cellName, request: r}
	c.handler = sessions.LoadAndSave(handler(c))
	return c, err
}

func newWriter() *writer {
	w := &writer{}
	w.reset()
	return w
}

// jsonCodec is the codec that people who find gob slow give to scs.
type jsonCodec struct{}

type jsonSession struct {
	Deadline time.Time
	Values   map[string]any
}

var _ scs.Codec = jsonCodec{}

func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(jsonSession{deadline, values})
}

func (jsonCodec) Decode(data []byte) (time.Time, map[string]any, error) {
	var s jsonSession
	err := json.Unmarshal(data, &s)
	return s.Deadline, s.Values, err
}
