package service

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
)

// Config is what the environment says of the move.
type Config struct {
	Mapping     string // MIGRATION_MAPPING: a file, or the name of a shipped mapping; "": none yet
	Slot        string // MIGRATION_SLOT: the replication slot at the source
	Publication string // MIGRATION_PUBLICATION: the publication at the source
	RejectLimit int    // MIGRATION_REJECT_LIMIT: rejects that stop the move
	Chunk       int    // MIGRATION_CHUNK: root rows that are copied at a time, as one checkpoint
	Autostart   bool   // MIGRATION_AUTOSTART=1: begin, or go on, without being told to
}

// name is what PostgreSQL takes for a slot, and for a publication without quotes.
var name = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// LoadConfig reads and checks the configuration; the error names every fault.
func LoadConfig(getenv func(string) string) (Config, error) {
	c := Config{Mapping: getenv("MIGRATION_MAPPING"), Slot: "tienda_migration", Publication: "tienda_migration", RejectLimit: 100, Chunk: 1000}
	var errs []error
	for variable, into := range map[string]*string{"MIGRATION_SLOT": &c.Slot, "MIGRATION_PUBLICATION": &c.Publication} {
		if v := getenv(variable); v != "" {
			if !name.MatchString(v) {
				errs = append(errs, fmt.Errorf("%s=%q is no name of lower-case letters, digits and underscores, 63 at most", variable, v))
			}
			*into = v
		}
	}
	number := func(variable string, from, to int, into *int) {
		if v := getenv(variable); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < from || n > to {
				errs = append(errs, fmt.Errorf("%s=%q is not a number from %d to %d", variable, v, from, to))
				return
			}
			*into = n
		}
	}
	number("MIGRATION_REJECT_LIMIT", 1, 1_000_000, &c.RejectLimit)
	number("MIGRATION_CHUNK", 1, 10_000, &c.Chunk)
	switch v := getenv("MIGRATION_AUTOSTART"); v {
	case "", "0":
	case "1":
		c.Autostart = true
	default:
		errs = append(errs, fmt.Errorf("MIGRATION_AUTOSTART=%q is neither 1 nor 0", v))
	}
	return c, errors.Join(errs...)
}

// LogValue is what the log says of it.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("mapping", c.Mapping), slog.String("slot", c.Slot), slog.String("publication", c.Publication),
		slog.Int("reject_limit", c.RejectLimit), slog.Int("chunk", c.Chunk), slog.Bool("autostart", c.Autostart))
}
