package main

// The store of a cluster that is gone with its test: here and in node, which has this file by a
// link.

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// slowest is how long it may take to come up, on a busy machine.
const slowest = 2 * time.Minute

// etcdURL gives where it is, on loopback.
func etcdURL(port int) url.URL {
	return url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)}
}

// startEtcd keeps everything in an empty folder, of which nothing is synced to disk, and
// listens at two ports of loopback: for clients, and for other members, of whom there are
// none.
func startEtcd(dir string, client, peer int) (*embed.Etcd, error) {
	c := embed.NewConfig()
	c.Dir, c.UnsafeNoFsync, c.LogLevel = dir, true, "error"
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{etcdURL(client)}, []url.URL{etcdURL(client)}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{etcdURL(peer)}, []url.URL{etcdURL(peer)}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err := <-e.Err():
		return nil, fmt.Errorf("etcd: %w", err)
	case <-time.After(slowest):
		return nil, errors.New("etcd does not come up")
	}
}
