package frameworks_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A service of Connect is an [http.Handler], and its handlers get the request's context.
// Clients that are no browsers may send the ticket in a header instead of a cookie: see
// Options.RequestHeader.
func Example_connect() {
	const procedure = "/visits.v1.Visits/Count" // protoc generates it, and the service
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.Handle(procedure, connect.NewUnaryHandler(procedure,
		func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.Int64Value], error) {
			n, err := visits.UpdateNow(sessions.FromContext(ctx), increment)
			if err != nil {
				return nil, err // the client gets CodeUnavailable if the session has failed
			}
			return connect.NewResponse(wrapperspb.Int64(int64(n))), nil
		}))

	url, client, stop := serve(sessions.Handler(mux))
	defer stop()
	count := connect.NewClient[emptypb.Empty, wrapperspb.Int64Value](client, url+procedure)
	for range 2 {
		resp, err := count.CallUnary(context.Background(), connect.NewRequest(new(emptypb.Empty)))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("visit", resp.Msg.Value)
	}
	// Output:
	// visit 1
	// visit 2
}
