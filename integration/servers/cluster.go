package servers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Cluster is a Redis Cluster of three masters and three replicas.
type Cluster struct {
	Nodes []*Redis // node i+3 began as the replica of node i
}

// StartCluster starts a Cluster and waits until every node knows all of it.
func StartCluster(t testing.TB, o RedisOptions) *Cluster {
	t.Helper()
	c := new(Cluster)
	var bus []string
	for range 6 {
		one := o
		port := strconv.Itoa(FreePort(t))
		one.Args = append([]string{
			"--cluster-enabled", "yes", "--cluster-port", port,
			"--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
		}, o.Args...)
		c.Nodes = append(c.Nodes, StartRedis(t, one))
		bus = append(bus, port)
	}
	for i := range 3 {
		first, last := i*16384/3, (i+1)*16384/3-1
		c.Nodes[i].Do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		c.Nodes[i].Do(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for i, n := range c.Nodes[1:] {
		host, port, _ := strings.Cut(n.Addr, ":")
		c.Nodes[0].Do(t, "CLUSTER", "MEET", host, port, bus[i+1])
	}
	c.everywhere(t, "all know all", func(n *Redis) error {
		return want(n, 6, "CLUSTER", "NODES")
	})
	for i := range 3 {
		id := c.Nodes[i].Do(t, "CLUSTER", "MYID")
		Until(t, "a replica follows", func() error {
			_, err := c.Nodes[i+3].command("CLUSTER", "REPLICATE", id)
			return err
		})
	}
	c.Settle(t)
	for i := range 3 {
		follows(t, c.Nodes[i], c.Nodes[i+3])
	}
	return c
}

// Settle waits until every running node sees the Cluster complete, with a replica at each
// master that has one running.
func (c *Cluster) Settle(t testing.TB) {
	t.Helper()
	c.everywhere(t, "the Cluster is complete", func(n *Redis) error {
		info, err := n.command("CLUSTER", "INFO")
		if err == nil && !strings.Contains(info, "cluster_state:ok") {
			err = errors.New(info)
		}
		if err == nil && n.Info("role") == "slave" && n.Info("master_link_status") != "up" {
			err = errors.New("a replica does not follow yet")
		}
		return err
	})
	replicas := 0
	for _, n := range c.Nodes {
		if n.Running() && n.Info("role") == "slave" {
			replicas++
		}
	}
	c.everywhere(t, "all know the replicas", func(n *Redis) error {
		nodes, err := n.command("CLUSTER", "NODES")
		if got := strings.Count(nodes, "slave "); err == nil && got < replicas {
			err = fmt.Errorf("%d replicas", got)
		}
		return err
	})
}

func (c *Cluster) everywhere(t testing.TB, what string, try func(*Redis) error) {
	t.Helper()
	for _, n := range c.Nodes {
		if n.Running() {
			Until(t, what, func() error { return try(n) })
		}
	}
}

// want returns an error unless the response has so many lines.
func want(n *Redis, lines int, args ...string) error {
	text, err := n.command(args...)
	if err != nil {
		return err
	}
	got := strings.Count(strings.TrimSpace(text), "\n") + 1
	if got != lines || strings.Contains(text, "handshake") {
		return fmt.Errorf("%d lines, want %d", got, lines)
	}
	return nil
}

// Masters returns the running masters.
func (c *Cluster) Masters() []*Redis {
	var masters []*Redis
	for _, n := range c.Nodes {
		if n.Running() && n.Info("role") == "master" {
			masters = append(masters, n)
		}
	}
	return masters
}

// URL returns a URL with the first three nodes.
func (c *Cluster) URL() string {
	return fmt.Sprintf("redis://%s,%s,%s/?cluster=true",
		c.Nodes[0].Addr, c.Nodes[1].Addr, c.Nodes[2].Addr)
}
