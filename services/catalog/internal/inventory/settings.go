package inventory

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"

	"tienda/internal/fault"
)

// Location is a place where goods lie.
type Location struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Settings hold for all stock. They are one document.
type Settings struct {
	// Locations in the order in which they are sold from. Main is one of them.
	Locations []Location `json:"locations"`
	// LowAt is the threshold of a SKU that has none of its own; 0: it is never low.
	LowAt   int   `json:"low_at,omitempty"`
	Version int64 `json:"-"` // of the stored document; 0: none yet
}

// What settings are refused for, and what is not in them.
var (
	errSettings = fault.New(fault.Unprocessable, "invalid_settings", "These settings contradict themselves.")
	// ErrLocation: a location that is not in the settings.
	ErrLocation = fault.New(fault.Unprocessable, "unknown_location", "There is no such location.")
	// ErrSettingsVersion refuses to state settings anew over others than were read.
	ErrSettingsVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The settings have changed since you read them. Read them again.").At("If-Match", "is not the current version")
)

// Complete gives settings as they hold where none are stored.
func (s Settings) Complete() Settings {
	if len(s.Locations) == 0 {
		s.Locations = []Location{{ID: Main, Name: "Main"}}
	}
	return s
}

// Validate names what contradicts itself.
func (s Settings) Validate() error {
	var bad []fault.Field
	ids := make([]string, len(s.Locations))
	for i, l := range s.Locations {
		if slices.Contains(ids[:i], l.ID) {
			bad = append(bad, fault.Field{Name: "/locations/" + strconv.Itoa(i) + "/id", Reason: "stands twice"})
		}
		ids[i] = l.ID
	}
	if !slices.Contains(ids, Main) {
		bad = append(bad, fault.Field{Name: "/locations", Reason: "lacks the location " + Main})
	}
	if len(bad) > 0 {
		return refusal(errSettings, bad)
	}
	return nil
}

// Has says whether a location is in the settings; "" is Main.
func (s Settings) Has(location string) bool {
	return slices.ContainsFunc(s.Locations, func(l Location) bool { return l.ID == place(location) })
}

// SettingsStore keeps the settings.
type SettingsStore interface {
	Settings(ctx context.Context) (Settings, error)
	// PutSettings stores settings; version is that of those that they take the
	// place of, 0: any.
	PutSettings(ctx context.Context, s Settings, version int64) (Settings, error)
}

// known are the settings as this replica has read them last.
type known struct{ last atomic.Pointer[Settings] }

func (k *known) settings() Settings {
	if s := k.last.Load(); s != nil {
		return *s
	}
	return Settings{}.Complete()
}

// preferred are the locations in the order in which they are sold from.
func (k *known) preferred() []string { return k.settings().preferred() }

func (s Settings) preferred() []string {
	out := make([]string, len(s.Locations))
	for i, l := range s.Locations {
		out[i] = l.ID
	}
	return out
}

// show has later settings take the place of those before.
func (k *known) show(s Settings) {
	for {
		before := k.last.Load()
		if before != nil && before.Version > s.Version || k.last.CompareAndSwap(before, &s) {
			return
		}
	}
}

// Settings gives the settings as they are stored.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	now, err := s.store.Settings(ctx)
	if err == nil {
		s.known.show(now)
	}
	return now, err
}

// PutSettings states the settings anew. A location that is left out keeps what is
// there, which is sold last and can be moved or written off; nothing new comes to
// it. version is that of the settings that the caller has read; 0: any.
func (s *Service) PutSettings(ctx context.Context, next Settings, version int64) (Settings, error) {
	if err := next.Validate(); err != nil {
		return next, err
	}
	next, err := s.store.PutSettings(ctx, next, version)
	if err == nil {
		s.known.show(next)
	}
	return next, err
}

// RefreshSettings reads the settings again: 1 get.
func (s *Service) RefreshSettings(ctx context.Context) error {
	_, err := s.Settings(ctx)
	return err
}

// takes says whether stock may come to a location: 1 get where this replica does
// not know of it.
// field is where the request names it.
func (s *Service) takes(ctx context.Context, location, field string) error {
	if s.known.settings().Has(location) {
		return nil
	}
	now, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !now.Has(location) {
		return ErrLocation.At(field, "is not in the settings")
	}
	return nil
}
