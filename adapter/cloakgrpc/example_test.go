package cloakgrpc_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const checks = cloakroom.Key[int]("checks")

// counter is gRPC's health service, in place of one of your own: it counts how often a
// client has asked.
type counter struct {
	healthpb.UnimplementedHealthServer
}

func (counter) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	n, err := checks.UpdateNow(cloakgrpc.Get(ctx), func(n int) int { return n + 1 })
	if err != nil {
		return nil, status.Error(codes.Unavailable, "not counted")
	}
	fmt.Println("check", n)
	return &healthpb.HealthCheckResponse{}, nil
}

func Example() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(cloakgrpc.UnaryServerInterceptor(sessions)),
		grpc.StreamInterceptor(cloakgrpc.StreamServerInterceptor(sessions)),
	)
	healthpb.RegisterHealthServer(server, counter{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Stop()

	// A client, which needs TLS but for AllowInsecure.
	session := &cloakgrpc.Client{AllowInsecure: true}
	conn, err := grpc.NewClient(listener.Addr().String(), append(session.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), nil); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("a ticket:", session.Ticket() != "")
	// Output:
	// check 1
	// check 2
	// a ticket: true
}
