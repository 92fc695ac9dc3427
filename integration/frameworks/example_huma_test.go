package frameworks_test

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// huma's handlers get the request's context, in which the session is.
func Example_huma() {
	sessions := newSessions()
	type output struct {
		Body struct {
			Visits int `json:"visits"`
		}
	}
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Visits", "1.0.0")
	config.CreateHooks = nil // no link to a schema in each answer
	api := humago.New(mux, config)
	huma.Get(api, "/visits", func(ctx context.Context, _ *struct{}) (*output, error) {
		var out output
		var err error
		out.Body.Visits, err = visits.UpdateNow(sessions.FromContext(ctx), increment)
		return &out, err // the client gets a 503 if the session has failed
	})
	visit(sessions.Handler(mux), "/visits", "/visits")
	// Output:
	// 200 {"visits":1}
	//
	// 200 {"visits":2}
}
