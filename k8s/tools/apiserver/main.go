// Command apiserver is a kube-apiserver with its etcd in one process, for tests that apply
// manifests: the checks of the real one, on loopback, over an empty folder. It runs no
// controller and schedules nothing.
//
//	apiserver -dir FOLDER -port PORT -etcd PORT -peer PORT
//
// It takes the token of the file FOLDER/token, and shows a certificate that it has signed
// itself. It ends when its standard input does.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // as the original has it
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	dir := flag.String("dir", "", "an empty `folder` for everything")
	port := flag.Int("port", 0, "the API server's `port`")
	client := flag.Int("etcd", 0, "the `port` of etcd")
	peer := flag.Int("peer", 0, "the `port` that etcd keeps for other members, of whom there are none")
	flag.Parse()
	args, err := prepare(*dir, *port, *client, *peer)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // whoever started it is gone; there is nothing to keep
	}()
	command := app.NewAPIServerCommand()
	command.SetArgs(args)
	os.Exit(cli.Run(command))
}

// prepare starts etcd and gives the arguments of the API server.
func prepare(dir string, port, client, peer int) ([]string, error) {
	if dir == "" || port == 0 || client == 0 || peer == 0 {
		return nil, errors.New("-dir, -port, -etcd and -peer are needed")
	}
	if _, err := startEtcd(filepath.Join(dir, "etcd"), client, peer); err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "accounts.pem")
	if err := writeKey(key); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(dir, "token")) //nolint:gosec // the caller's folder
	if err != nil {
		return nil, err
	}
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, fmt.Appendf(nil, "%s,admin,admin,system:masters\n", token), 0o600); err != nil {
		return nil, err
	}
	store := etcdURL(client)
	return []string{
		"--etcd-servers=" + store.String(), "--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port),
		"--cert-dir=" + filepath.Join(dir, "certificates"), "--token-auth-file=" + tokens, "--authorization-mode=AlwaysAllow",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--profiling=false", "--v=0",
	}, nil
}

// writeKey makes the key that tokens of service accounts would be signed with.
func writeKey(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
