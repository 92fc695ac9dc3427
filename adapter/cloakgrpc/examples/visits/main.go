// Command visits counts a client's checks: the first program of the README.
package main

import (
	"context"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const checks = cloakroom.Key[int]("checks")

// counter is gRPC's health service, in place of one of your own.
type counter struct {
	healthpb.UnimplementedHealthServer
}

func (counter) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	n, err := checks.UpdateNow(cloakgrpc.Get(ctx), func(n int) int { return n + 1 })
	if err != nil {
		return nil, status.Error(codes.Unavailable, "not counted")
	}
	log.Println("check", n)
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func main() {
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(cloakgrpc.UnaryServerInterceptor(sessions)),
		grpc.StreamInterceptor(cloakgrpc.StreamServerInterceptor(sessions)),
	)
	healthpb.RegisterHealthServer(server, counter{})
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
