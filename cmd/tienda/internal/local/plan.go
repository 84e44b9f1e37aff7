package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"tienda/cmd/tienda/internal/runfile"
	"tienda/cmd/tienda/internal/supervise"
	"tienda/cmd/tienda/internal/ui"
	"tienda/internal/daprd"
	"tienda/internal/profile"
)

// instance is one replica of an app, with its sidecar.
type instance struct {
	app    runfile.App
	name   string          // the app ID, from the second replica on with its number
	args   []string        // the program and its arguments
	server *profile.Server // this is no app, but the server behind the profile

	port, http, grpc, internal, metrics int    // all 0 without a sidecar
	figures                             string // host:port of the app's own; "": wherever it likes

	log, sidecarLog *ui.Lines
	proc, sidecar   *supervise.Process
}

// hasSidecar says whether the app is one that others talk to. The broker, the mailbox
// and the sandbox are not: Dapr reaches them by its component files.
func (i *instance) hasSidecar() bool { return i.app.Port != 0 }

func (i *instance) sidecarName() string { return i.name + "-d" }

// plan gives every replica its name and ports. The first replica has the run
// file's ports unless all are to be free; what the run file leaves open is
// free.
func (s *shop) plan(apps []runfile.App) ([]*instance, error) {
	var all []*instance
	var open []*int
	known := map[string]bool{}
	for _, a := range apps {
		known[a.ID] = true
		replicas := max(1, s.o.Replicas[a.ID])
		if replicas > 1 && a.Port == 0 {
			return nil, fmt.Errorf("%s takes no calls, so it cannot have %d replicas", a.ID, replicas)
		}
		for n := 1; n <= replicas; n++ {
			i := &instance{app: a, name: a.ID}
			if n > 1 {
				i.name = fmt.Sprintf("%s-%d", a.ID, n)
			}
			if n == 1 && !s.o.FreePorts {
				i.port, i.http, i.grpc, i.internal, i.metrics = a.Port, a.HTTPPort, a.GRPCPort, a.InternalPort, a.MetricsPort
			}
			if a.ID == gateway && n == 1 && s.o.GatewayPort != 0 {
				i.port = s.o.GatewayPort
			}
			if i.hasSidecar() {
				for _, p := range []*int{&i.port, &i.http, &i.grpc, &i.internal, &i.metrics} {
					if *p == 0 {
						open = append(open, p)
					}
				}
			}
			all = append(all, i)
		}
	}
	for id := range s.o.Replicas {
		if !known[id] {
			return nil, fmt.Errorf("replicas of %s are wanted, but the run file has no such app", id)
		}
	}
	ports, err := daprd.FreePorts(len(open))
	if err != nil {
		return nil, err
	}
	for n, p := range open {
		*p = ports[n]
	}
	return all, nil
}

// checkPorts names every port that something else has.
func (s *shop) checkPorts(ctx context.Context) error {
	var errs []error
	check := func(addr, who, advice string) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s needs %s, which is in use: %s", who, addr, advice))
			return
		}
		_ = l.Close()
	}
	const advice = "stop what has it, or use -free-ports"
	for _, i := range s.apps {
		if i.app.ID == broker {
			check(s.brokerURL, broker, "stop what has it, or set TIENDA_BROKER_ADDR=127.0.0.1:4223")
		}
		if i.app.ID == mailbox {
			check(s.mailAddr, mailbox, "stop what has it, or set TIENDA_MAILBOX_ADDR=127.0.0.1:1026")
		}
		if i.app.ID == sandbox {
			check(s.payAddr, sandbox, "stop what has it, or set TIENDA_SANDBOX_ADDR=127.0.0.1:4281")
		}
		if !i.hasSidecar() {
			continue
		}
		own := advice
		if i.app.ID == gateway {
			own = fmt.Sprintf("stop what has it, or choose another: PORT=%d make run", i.port+1000)
		}
		check(loopback(i.port), i.name, own)
		for _, p := range []int{i.http, i.grpc, i.internal, i.metrics} {
			check(loopback(p), "the sidecar of "+i.name, advice)
		}
	}
	return errors.Join(errs...)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
