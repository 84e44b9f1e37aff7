package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/dns/dnsmessage"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	core "k8s.io/client-go/listers/core/v1"
	slices "k8s.io/client-go/listers/discovery/v1"
)

const (
	zone   = ".svc.cluster.local."
	ttl    = 5 // seconds, CoreDNS's too
	idle   = 30 * time.Second
	packet = 64 << 10
)

// names answers for the names of Services, as CoreDNS does with its plugin for Kubernetes;
// beyond the cluster there is nobody to ask.
type names struct {
	services  core.ServiceLister
	endpoints slices.EndpointSliceLister
}

func dns() *cobra.Command {
	var config, address string
	c := &cobra.Command{Use: "dns", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var n names
		err := watch(c.Context(), config, func(f informers.SharedInformerFactory) {
			n = names{f.Core().V1().Services().Lister(), f.Discovery().V1().EndpointSlices().Lister()}
		})
		if err != nil {
			return err
		}
		u, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		t, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		failed := make(chan error, 2)
		go func() { failed <- n.packets(u) }()
		go func() { failed <- n.streams(t) }()
		return <-failed
	}}
	c.Flags().StringVar(&config, "kubeconfig", "", "the `file` that says where the API server is")
	c.Flags().StringVar(&address, "address", "", "where to listen, `host:port`")
	return c
}

func (n names) packets(c net.PacketConn) error {
	b := make([]byte, packet)
	for {
		size, from, err := c.ReadFrom(b)
		if err != nil {
			return err
		}
		if out, err := n.answer(b[:size]); err == nil {
			_, _ = c.WriteTo(out, from)
		}
	}
}

func (n names) streams(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			for {
				_ = c.SetDeadline(time.Now().Add(idle))
				var size [2]byte
				if _, err := io.ReadFull(c, size[:]); err != nil {
					return
				}
				b := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, b); err != nil {
					return
				}
				out, err := n.answer(b)
				if err != nil {
					return
				}
				if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
					return
				}
			}
		}()
	}
}

// answer gives the answer to a question.
func (n names) answer(raw []byte) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(raw)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	h.Response, h.Authoritative, h.RecursionAvailable, h.RCode = true, true, true, dnsmessage.RCodeSuccess
	found, err := n.find(strings.ToLower(q.Name.String()))
	if err != nil {
		h.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	if err := errors.Join(b.StartQuestions(), b.Question(q), b.StartAnswers()); err != nil {
		return nil, err
	}
	for _, a := range found {
		if q.Type == dnsmessage.TypeA && a.Is4() {
			if err := b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: ttl}, dnsmessage.AResource{A: a.As4()}); err != nil {
				return nil, err
			}
		}
	}
	return b.Finish()
}

// find gives the addresses of a name: a Service's own, those of its endpoints that are ready
// where it has none, or that of one of these by its host name.
func (n names) find(name string) ([]netip.Addr, error) {
	rest, ok := strings.CutSuffix(name, zone)
	parts := strings.Split(rest, ".")
	host := ""
	if len(parts) == 3 {
		host, parts = parts[0], parts[1:]
	}
	if !ok || len(parts) != 2 {
		return nil, fmt.Errorf("%s is no name of a Service", name)
	}
	s, err := n.services.Services(parts[1]).Get(parts[0])
	if err != nil {
		return nil, err
	}
	if s.Spec.ClusterIP != "None" && host == "" {
		a, err := netip.ParseAddr(s.Spec.ClusterIP)
		return []netip.Addr{a}, err
	}
	all, err := n.endpoints.EndpointSlices(parts[1]).List(labels.SelectorFromSet(labels.Set{discovery.LabelServiceName: parts[0]}))
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, slice := range all {
		for _, e := range slice.Endpoints {
			ready := e.Conditions.Ready == nil || *e.Conditions.Ready || s.Spec.PublishNotReadyAddresses
			if !ready || host != "" && (e.Hostname == nil || *e.Hostname != host) {
				continue
			}
			for _, text := range e.Addresses {
				if a, err := netip.ParseAddr(text); err == nil {
					out = append(out, a)
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nobody is behind %s", name) // CoreDNS says the same
	}
	return out, nil
}
