package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// store keeps the cluster in a folder.
func store() *cobra.Command {
	var dir string
	c := &cobra.Command{Use: "etcd", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		e, err := startEtcd(dir, 2379, 2380)
		if err != nil {
			return err
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
