package sections

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/store"
)

// Load names the cells that call the store and nothing else.
const Load = "cloakroom-load"

// loads is a cell whose goroutines each load a record of their own.
type loads struct {
	key   measure.Key
	store store.Store
	ids   []string
	bytes int
}

// NewLoads returns a cell of the store's Load, of records of so many bytes.
func NewLoads(storeName string, st store.Store, recordBytes, clients int) (measure.Cell, error) {
	l := &loads{
		key: measure.Key{
			Store: storeName, Library: Load, Act: measure.Read,
			Payload: recordBytes, Clients: clients,
		},
		store: st, bytes: recordBytes,
	}
	for range clients {
		id, data := make([]byte, 32), make([]byte, recordBytes)
		_, _ = rand.Read(id)
		_, _ = rand.Read(data)
		l.ids = append(l.ids, hex.EncodeToString(id))
		r := store.Record{Data: data, Expires: time.Now().Add(time.Hour)}
		if _, err := st.Create(context.Background(), l.ids[len(l.ids)-1], r); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Key implements [measure.Cell].
func (l *loads) Key() measure.Key { return l.key }

// Bare implements [measure.Cell]: nothing is subtracted, since no handler is called.
func (l *loads) Bare() measure.Key { return measure.Key{} }

// Sample implements [measure.Cell].
func (l *loads) Sample(each time.Duration) (measure.Sample, error) {
	return measure.Crowded(l.key.Clients, each, func(client int) (func(), func(int) error) {
		wrong := 0
		next := func() {
			r, err := l.store.Load(context.Background(), l.ids[client])
			if err != nil || len(r.Data) != l.bytes {
				wrong++
			}
		}
		return next, func(n int) error {
			if wrong > 0 {
				return fmt.Errorf("of %d loads %d were wrong", n, wrong)
			}
			return nil
		}
	})
}
