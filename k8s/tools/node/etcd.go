package main

import (
	"errors"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// slowest is how long etcd may take to come up, on a busy machine.
const slowest = 2 * time.Minute

// etcd keeps the cluster in a folder, and syncs nothing to disk: the cluster is gone with the
// test.
func etcd() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "etcd", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		c := embed.NewConfig()
		c.Dir, c.UnsafeNoFsync, c.LogLevel = dir, true, "error"
		client, peer := url.URL{Scheme: "http", Host: "127.0.0.1:2379"}, url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
		c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		c.InitialCluster = c.InitialClusterFromName(c.Name)
		e, err := embed.StartEtcd(c)
		if err != nil {
			return err
		}
		select {
		case <-e.Server.ReadyNotify():
		case <-time.After(slowest):
			return errors.New("etcd does not come up")
		}
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
		select {
		case err := <-e.Err():
			return err
		case <-stop:
			e.Close()
			return nil
		}
	}}
	c.Flags().StringVar(&dir, "dir", "", "an empty `folder`")
	return c
}
