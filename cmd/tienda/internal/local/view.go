package local

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"

	"tienda/cmd/tienda/internal/ui"
	"tienda/cmd/tienda/internal/view"
	"tienda/cmd/tienda/internal/view/letters"
	"tienda/cmd/tienda/internal/view/topology"
	"tienda/cmd/tienda/internal/view/watch"
	"tienda/internal/daprd"
	"tienda/internal/trace"
)

// defaultView is the port of the view where none is said.
const defaultView = 8070

// openView takes the view's port, and ports for the figures of the apps. The default port
// may be taken: then it is a free one, since nobody has to know it beforehand.
func (s *shop) openView(ctx context.Context) error {
	if !s.o.View {
		return nil
	}
	port := s.o.ViewPort
	if port == 0 && !s.o.FreePorts {
		port = defaultView
	}
	var err error
	s.view, err = view.Listen(ctx, port)
	if errors.Is(err, syscall.EADDRINUSE) && s.o.ViewPort == 0 {
		s.view, err = view.Listen(ctx, 0)
	}
	if err != nil {
		return err
	}
	ports, err := daprd.FreePorts(len(s.apps))
	if err != nil {
		return err
	}
	for n, i := range s.apps {
		if !i.hasSidecar() {
			continue
		}
		i.figures = loopback(ports[n])
		if own := s.o.Getenv("GATEWAY_METRICS_ADDRESS"); own != "" && i.app.ID == gateway { // it goes before ours
			i.figures = own
		}
	}
	return nil
}

// serveView serves the view until the function that it gives is called: until all has
// ended, since apps send their last spans when they stop.
func (s *shop) serveView(ctx context.Context) (stop func(), err error) {
	if s.view == nil {
		return func() {}, nil
	}
	declared, err := topology.Read(slices.Sorted(maps.Values(s.resources))...)
	if err != nil {
		s.view.Close()
		return nil, err
	}
	o := view.Options{Replicas: s.replicas, Declared: declared, Profile: s.o.Profile, Gateway: s.gatewayURL()}
	if s.o.Demo != nil { // without the demo data the account may be anybody's
		if i := slices.IndexFunc(s.o.Accounts, func(a ui.Account) bool { return a.Role == "admin" }); i >= 0 {
			o.Admin = letters.Account{Email: s.o.Accounts[i].Email, Password: s.o.Accounts[i].Password}
		}
	}
	if len(s.tracesToView()) == 0 {
		o.Collector = cmp.Or(s.o.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), s.o.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), "nobody")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.view.Serve(ctx, o); err != nil {
			s.o.Screen.Say("%v", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

func (s *shop) gatewayURL() string {
	for _, i := range s.apps {
		if i.app.ID == gateway { // the first one, whatever its name: replicas may have been replaced
			return "http://" + loopback(i.port)
		}
	}
	return ""
}

// replicas is how the shop is now, for the view; nothing until it is up.
func (s *shop) replicas() []watch.Replica {
	select {
	case <-s.isUp:
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []watch.Replica
	for _, a := range s.state().Apps {
		i := s.apps[len(all)]
		r := watch.Replica{App: a.AppID, Name: a.Name, PID: a.PID, Port: a.Port, Sidecar: i.hasSidecar(), SidecarPID: a.SidecarPID, SidecarHTTP: a.HTTPPort, SidecarMetrics: a.MetricsPort}
		if !r.Sidecar && a.Port != 0 {
			r.Listens = loopback(a.Port)
			switch a.AppID {
			case broker:
				r.Listens = s.brokerURL
			case mailbox:
				r.Listens = s.mailAddr
			case sandbox:
				r.Listens = s.payAddr
			}
		}
		if i.figures != "" {
			r.Figures = "http://" + i.figures + "/metrics"
		}
		all = append(all, r)
	}
	return all
}

// tracesToView are the variables that have apps and sidecars send their spans to the view.
// Where the environment says where they go, or that there are none, that holds.
func (s *shop) tracesToView() map[string]string {
	off := strings.EqualFold(s.o.Getenv("OTEL_SDK_DISABLED"), "true") || s.o.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if s.view == nil || off || trace.Wanted(s.o.Getenv) {
		return nil
	}
	url, header := s.view.Collector()
	return map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": url,
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS": header, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": header,
		"OTEL_BSP_SCHEDULE_DELAY": cmp.Or(s.o.Getenv("OTEL_BSP_SCHEDULE_DELAY"), "1000"), // ms; somebody waits to see them
	}
}

// getenv is the environment, and what the view adds to it.
func (s *shop) getenv(name string) string {
	if v, set := s.tracesToView()[name]; set {
		return v
	}
	return s.o.Getenv(name)
}

// sidecarViewEnv is what a sidecar gets on the view's account beside its Configuration.
func (s *shop) sidecarViewEnv() []string {
	const delay = "OTEL_BSP_SCHEDULE_DELAY"
	if ms, set := s.tracesToView()[delay]; set {
		return []string{delay + "=" + ms}
	}
	return nil
}

// viewEnv is what an app gets on the view's account.
func (s *shop) viewEnv(i *instance) []string {
	if s.view == nil || i.figures == "" {
		return nil
	}
	env := []string{"TIENDA_METRICS_ADDRESS=" + i.figures}
	for name, value := range s.tracesToView() {
		env = append(env, name+"="+value)
	}
	return env
}
