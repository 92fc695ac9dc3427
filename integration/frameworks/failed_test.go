package frameworks_test

import (
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestFailedCommit: a framework's client is told that the session could not be stored,
// whatever the handler answers.
func TestFailedCommit(t *testing.T) {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	store := storetest.NewFaulty(memory)
	store.Decide = func(storetest.Op, string) storetest.Fault {
		return storetest.Failed().Reporting(cloakroom.ErrRefused)
	}
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/connect/Do", connect.NewUnaryHandler("/connect/Do",
		func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			visits.Set(sessions.FromContext(ctx), 1)
			return connect.NewResponse(new(emptypb.Empty)), nil
		}))
	huma.Get(humago.New(mux, huma.DefaultConfig("Visits", "1.0.0")), "/huma",
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			visits.Set(sessions.FromContext(ctx), 1)
			return nil, nil
		})
	url, client, stop := serve(sessions.Handler(mux))
	defer stop()

	do := connect.NewClient[emptypb.Empty, emptypb.Empty](client, url+"/connect/Do")
	_, err = do.CallUnary(t.Context(), connect.NewRequest(new(emptypb.Empty)))
	if code := connect.CodeOf(err); code != connect.CodeUnavailable {
		t.Errorf("Connect: %v", code)
	}
	resp, err := client.Get(url + "/huma")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || len(resp.Cookies()) > 0 {
		t.Errorf("huma: status %d, %d cookies", resp.StatusCode, len(resp.Cookies()))
	}
}
