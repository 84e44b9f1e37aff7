package local

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"tienda/cmd/tienda/internal/supervise"
	"tienda/internal/daprd"
)

// A rolling shop stops a replica as a cluster does (k8s/common): app and sidecar are told at
// the same time, and the sidecar waits for its app. The times of the app are those of its
// environment; these are the sidecar's, and what both have in all.
const (
	blockShutdown    = "70s"
	gracefulShutdown = "5" // seconds
	terminationGrace = 90 * time.Second
)

// sidecarStop are the sidecar's flags of how it ends.
func (s *shop) sidecarStop() []string {
	if !s.o.Rolling {
		return []string{"--dapr-graceful-shutdown-seconds", "2"}
	}
	return []string{"--dapr-graceful-shutdown-seconds", gracefulShutdown, "--dapr-block-shutdown-duration", blockShutdown}
}

// roll replaces every replica of every app, as a rollout of all deployments at once does:
// of each app one after the other, a new one ready before an old one is told to stop. Their
// ports and names are new.
func (s *shop) roll(ctx context.Context) error {
	began := time.Now()
	s.mu.Lock()
	old := slices.DeleteFunc(slices.Clone(s.apps), func(i *instance) bool { return !i.hasSidecar() })
	s.mu.Unlock()
	byApp := map[string][]*instance{}
	for _, i := range old {
		byApp[i.app.ID] = append(byApp[i.app.ID], i)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, replicas := range byApp {
		g.Go(func() error {
			for _, i := range replicas {
				if err := s.replace(ctx, i); err != nil {
					return fmt.Errorf("%s was not replaced: %w", i.name, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.o.Screen.Say("%d replicas were replaced in %s", len(old), time.Since(began).Round(time.Second))
	return nil
}

// replace starts a replica in the place of another, and ends that one once it is ready.
func (s *shop) replace(ctx context.Context, old *instance) error {
	i, err := s.successor(old)
	if err != nil {
		return err
	}
	if err := s.startApp(i); err != nil {
		return err
	}
	if err := s.startSidecar(i); err != nil { //nolint:contextcheck // it must outlive ctx, so that it can be stopped in order
		return err
	}
	s.mu.Lock()
	s.apps = append(s.apps, i)
	s.mu.Unlock()
	ready, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := s.waitFor(ready, i); err != nil {
		return err
	}
	if err := s.writeState(); err != nil {
		return err
	}
	supervise.StopAll(terminationGrace, old.proc, old.sidecar) //nolint:contextcheck // a replica is always stopped in order
	s.mu.Lock()
	s.apps = slices.DeleteFunc(s.apps, func(a *instance) bool { return a == old })
	s.mu.Unlock()
	return s.writeState()
}

// successor plans a replica of the same app.
func (s *shop) successor(old *instance) (*instance, error) {
	ports, err := daprd.FreePorts(6)
	if err != nil {
		return nil, err
	}
	i := &instance{app: old.app, args: old.args, port: ports[0], http: ports[1], grpc: ports[2], internal: ports[3], metrics: ports[4]}
	if s.view != nil {
		i.figures = loopback(ports[5])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 2; i.name == "" || s.taken[i.name]; n++ {
		i.name = old.app.ID + "-" + strconv.Itoa(n)
	}
	s.taken[i.name] = true
	if err := s.openLogsOf(i); err != nil {
		return nil, err
	}
	return i, nil
}

// rolled replaces every replica, and says how that went.
func (s *shop) rolled(ctx context.Context) {
	if !s.o.Rolling {
		s.o.Screen.Say("replicas are replaced only in a shop that was started with -rolling")
		return
	}
	if !s.rolling.CompareAndSwap(false, true) {
		s.o.Screen.Say("the replicas are being replaced already")
		return
	}
	defer s.rolling.Store(false)
	if err := s.roll(ctx); err != nil && ctx.Err() == nil {
		s.o.Screen.Say("%v", err)
	}
}
