package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"tienda/cmd/tienda/internal/runfile"
	"tienda/internal/profile"
)

// openServer finds the server behind the profile; one that is to be started
// joins the processes of the shop.
func (s *shop) openServer(ctx context.Context) error {
	var err error
	s.server, err = profile.Open(ctx, profile.Config{
		Name: s.o.Profile, Dir: s.own, Private: s.o.FreePorts,
		Password: s.o.Getenv("TIENDA_STORE_PASSWORD"), Addr: s.o.Listen[store],
	})
	if err != nil || s.server == nil {
		return err
	}
	if !s.server.Private {
		s.o.Screen.Say("using the %s at %s", s.server.Name, s.server.Addr)
		if s.o.Fresh {
			s.o.Screen.Say("what it holds stays: FRESH empties only what the runner has started")
		}
		return nil
	}
	s.apps = append([]*instance{{app: runfile.App{ID: s.server.Name}, name: s.server.Name, server: s.server}}, s.apps...)
	return nil
}

// withoutIdleBroker leaves the embedded broker out where no component speaks to it.
func withoutIdleBroker(apps []runfile.App) ([]runfile.App, error) {
	for _, a := range apps {
		for _, dir := range a.ResourcesPaths {
			files, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
			if err != nil {
				return nil, fmt.Errorf("component files: %w", err)
			}
			for _, f := range files {
				b, err := os.ReadFile(f) //nolint:gosec // of the folders that the run file names
				if err != nil {
					return nil, fmt.Errorf("component files: %w", err)
				}
				if bytes.Contains(b, []byte("pubsub.jetstream")) {
					return apps, nil
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(apps), func(a runfile.App) bool { return a.ID == broker }), nil
}
