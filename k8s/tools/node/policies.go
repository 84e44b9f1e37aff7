package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	api "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	core "k8s.io/client-go/listers/core/v1"
	lister "k8s.io/client-go/listers/networking/v1"
)

// tick is how often the rules are made anew, if anything has changed.
const tick = 200 * time.Millisecond

// guard keeps the network policies of a cluster of one node, whose pods reach each other by
// way of the node: as rules of nftables for what it forwards and for what pods send to
// itself. What the node sends passes, as Kubernetes has it.
type guard struct {
	pods       core.PodLister
	namespaces core.NamespaceLister
	policies   lister.NetworkPolicyLister
	dns        string // address of the name server, which is no pod here
}

// place is an end of a connection: a pod, or the name server in its stead.
type place struct {
	namespace, address string
	labels             labels.Set
	spec               *api.PodSpec
}

func policies() *cobra.Command {
	var config string
	var g guard
	c := &cobra.Command{Use: "policies", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		err := watch(c.Context(), config, func(f informers.SharedInformerFactory) {
			g.pods, g.namespaces, g.policies = f.Core().V1().Pods().Lister(), f.Core().V1().Namespaces().Lister(), f.Networking().V1().NetworkPolicies().Lister()
		})
		if err != nil {
			return err
		}
		before := ""
		for ; ; time.Sleep(tick) {
			now, err := g.rules()
			if err != nil {
				return err
			}
			if now == before {
				continue
			}
			if err := load(c.Context(), now); err != nil {
				return err
			}
			before = now
		}
	}}
	c.Flags().StringVar(&config, "kubeconfig", "", "the `file` that says where the API server is")
	c.Flags().StringVar(&g.dns, "dns", "", "the `address` of the name server, for policies that let pods reach k8s-app=kube-dns")
	return c
}

func load(ctx context.Context, rules string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, out, rules)
	}
	return nil
}

// rules gives a table in the place of the one before.
func (g guard) rules() (string, error) {
	all, err := g.places()
	if err != nil {
		return "", err
	}
	policies, err := g.policies.List(labels.Everything())
	if err != nil {
		return "", err
	}
	slices.SortFunc(policies, func(a, b *networking.NetworkPolicy) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	var chains, leave, arrive bytes.Buffer
	for _, p := range all {
		if p.spec == nil {
			continue
		}
		for _, way := range []networking.PolicyType{networking.PolicyTypeEgress, networking.PolicyTypeIngress} {
			var rules bytes.Buffer
			isolated := false
			for _, policy := range policies {
				if policy.Namespace != p.namespace || !slices.Contains(policy.Spec.PolicyTypes, way) || !matches(&policy.Spec.PodSelector, p.labels) {
					continue
				}
				isolated = true
				g.allow(&rules, policy, way, p, all)
			}
			if !isolated {
				continue
			}
			name := strings.ToLower(string(way)) + "-" + strings.ReplaceAll(p.address, ".", "-")
			_, _ = fmt.Fprintf(&chains, "chain %s {\n%scounter drop\n}\n", name, rules.String())
			if way == networking.PolicyTypeEgress {
				_, _ = fmt.Fprintf(&leave, "ip saddr %s jump %s\n", p.address, name)
			} else {
				_, _ = fmt.Fprintf(&arrive, "ip daddr %s jump %s\n", p.address, name)
			}
		}
	}
	const known = "ct state established,related accept\n"
	return "add table ip policies\ndelete table ip policies\ntable ip policies {\n" + chains.String() +
		"chain leave {\ntype filter hook forward priority -10; policy accept;\n" + known + leave.String() + "}\n" +
		"chain leave-to-node {\ntype filter hook input priority -10; policy accept;\n" + known + leave.String() + "}\n" +
		"chain arrive {\ntype filter hook forward priority -5; policy accept;\n" + known + arrive.String() + "}\n}\n", nil
}

// allow writes what a policy lets through on one way.
func (g guard) allow(to *bytes.Buffer, policy *networking.NetworkPolicy, way networking.PolicyType, of place, all []place) {
	if way == networking.PolicyTypeEgress {
		for _, r := range policy.Spec.Egress {
			g.write(to, "daddr", r.To, r.Ports, policy.Namespace, all, func(port string, at place) string { return named(port, at) })
		}
		return
	}
	for _, r := range policy.Spec.Ingress {
		g.write(to, "saddr", r.From, r.Ports, policy.Namespace, all, func(port string, _ place) string { return named(port, of) })
	}
}

func (g guard) write(to *bytes.Buffer, side string, peers []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort, namespace string, all []place, resolve func(string, place) string) {
	for _, peer := range g.addresses(peers, namespace, all) {
		if len(ports) == 0 {
			_, _ = fmt.Fprintf(to, "%saccept\n", peer.match(side))
		}
		for _, p := range ports {
			protocol := "tcp"
			if p.Protocol != nil {
				protocol = strings.ToLower(string(*p.Protocol))
			}
			if p.Port == nil {
				_, _ = fmt.Fprintf(to, "%smeta l4proto %s accept\n", peer.match(side), protocol)
				continue
			}
			port := resolve(p.Port.String(), peer.place)
			if p.EndPort != nil {
				port += fmt.Sprintf("-%d", *p.EndPort)
			}
			if port != "" {
				_, _ = fmt.Fprintf(to, "%s%s dport %s accept\n", peer.match(side), protocol, port)
			}
		}
	}
}

// peer is whom a rule is about: a network, or anybody where it is "".
type peer struct {
	place
	network string
	except  []string
}

func (p peer) match(side string) string {
	if p.network == "" {
		return ""
	}
	out := "ip " + side + " " + p.network + " "
	if len(p.except) > 0 {
		out += "ip " + side + " != { " + strings.Join(p.except, ", ") + " } "
	}
	return out
}

func (g guard) addresses(peers []networking.NetworkPolicyPeer, namespace string, all []place) (out []peer) {
	if len(peers) == 0 {
		return []peer{{}}
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			out = append(out, peer{network: p.IPBlock.CIDR, except: p.IPBlock.Except})
			continue
		}
		for _, at := range all {
			if p.NamespaceSelector == nil && at.namespace != namespace {
				continue
			}
			if p.NamespaceSelector != nil {
				n, err := g.namespaces.Get(at.namespace)
				if err != nil || !matches(p.NamespaceSelector, n.Labels) {
					continue
				}
			}
			if p.PodSelector == nil || matches(p.PodSelector, at.labels) {
				out = append(out, peer{place: at, network: at.address})
			}
		}
	}
	return out
}

func matches(s *meta.LabelSelector, set labels.Set) bool {
	selector, err := meta.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}

// named gives the number of a port of a pod, which may be told by its name.
func named(port string, at place) string {
	if port == "" || port[0] >= '0' && port[0] <= '9' || at.spec == nil {
		return port
	}
	for _, c := range at.spec.Containers {
		for _, p := range c.Ports {
			if p.Name == port {
				return fmt.Sprint(p.ContainerPort)
			}
		}
	}
	return ""
}

// places gives every pod that has an address, and the name server.
func (g guard) places() ([]place, error) {
	pods, err := g.pods.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var out []place
	for _, p := range pods {
		if p.Status.PodIP != "" && !p.Spec.HostNetwork && p.Status.Phase != api.PodSucceeded && p.Status.Phase != api.PodFailed {
			out = append(out, place{p.Namespace, p.Status.PodIP, p.Labels, &p.Spec})
		}
	}
	slices.SortFunc(out, func(a, b place) int { return strings.Compare(a.address, b.address) })
	return append(out, place{"kube-system", g.dns, labels.Set{"k8s-app": "kube-dns"}, nil}), nil
}
