package overhttp

import (
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// cell is so many clients of one server at once, each with its own session and connection.
type cell struct {
	key     measure.Key
	bare    string
	server  *server
	clients []*visitor
}

// visitor is a client that makes the requests of one act.
type visitor struct {
	client
	act    measure.Act
	served int
	wrong  int
	err    error
}

// Key implements [measure.Cell].
func (c *cell) Key() measure.Key { return c.key }

// Bare implements [measure.Cell].
func (c *cell) Bare() measure.Key {
	return measure.Key{
		Store: c.key.Store, Library: c.bare, Act: measure.Untouched, Clients: c.key.Clients,
	}
}

// Sample implements [measure.Cell].
func (c *cell) Sample(each time.Duration) (measure.Sample, error) {
	for len(c.clients) < c.key.Clients {
		v := &visitor{client: client{addr: c.server.addr}, act: c.key.Act}
		if c.server.sessions {
			if err := v.get("/start"); err != nil {
				return measure.Sample{}, err
			}
		}
		c.clients = append(c.clients, v)
	}
	return measure.Crowded(c.key.Clients, each, func(i int) (func(), func(int) error) {
		v := c.clients[i]
		return v.next, v.verify
	})
}

var letters = [2]string{"a", "b"}

func (v *visitor) next() {
	path := "/" + string(v.act)
	if v.act == measure.Write {
		path = "/write/" + letters[v.served%2]
	}
	if err := v.get(path); err != nil {
		v.wrong++
		v.err = err
	}
	v.served++
}

// verify checks the answers, and that what was written latest is there. It ends the
// connection too: a server need not keep those of cells that are not at work.
func (v *visitor) verify(n int) error {
	defer v.close()
	if v.wrong > 0 {
		return fmt.Errorf("of %d requests %d failed, such as: %w", n, v.wrong, v.err)
	}
	if v.act == measure.Write && v.served > 0 {
		if err := v.get("/check/" + letters[(v.served-1)%2]); err != nil {
			return errors.Join(errors.New("the latest value is not stored"), err)
		}
	}
	return nil
}
