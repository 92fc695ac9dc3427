package redisstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func ExampleOpen() {
	store, closer, err := redisstore.Open(context.Background(), "redis://app:secret@10.0.0.1,10.0.0.2,10.0.0.3/?sentinel_master=main")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	_, _ = sessions, err
}

// With a client of one's own, set as opening by URL sets it.
func ExampleNew() {
	option := rueidis.ClientOption{
		InitAddress:      []string{"127.0.0.1:6379"},
		ConnWriteTimeout: time.Second,
		DisableRetry:     true,
		MaxFlushDelay:    20 * time.Microsecond,
	}
	option.Dialer.Timeout = time.Second
	option.Dialer.KeepAlive = 300 * time.Millisecond
	client, err := rueidis.NewClient(option)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Options{NearCache: 30 * time.Second})
	_, _ = store, err
}
