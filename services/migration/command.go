package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"tienda/services/migration/internal/progress"
	"tienda/services/migration/service"
)

// errBlocked ends a preflight that has found what forbids a move.
var errBlocked = errors.New("a move cannot begin")

// commands are what the program does without a sidecar, for an operator who prepares a
// move: each with a connection to the source and nothing else.
type commands struct {
	// preflight says whether a move can begin; nothing is changed.
	preflight func(ctx context.Context, dsn string, c service.Config) ([]progress.Finding, error)
	// draft writes a first mapping of what the database has, under a name.
	draft func(ctx context.Context, dsn, name string, c service.Config, out io.Writer) error
}

// run does what the arguments say. The settings of the environment hold here too.
func (c commands) run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	cfg, err := service.LoadConfig(getenv)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	name, args := args[0], args[1:]
	fs := flag.NewFlagSet("migration "+name, flag.ContinueOnError)
	file := fs.String("dsn-file", ".data/migration-secrets.json", "the `file` with the DSN of the monolith's database: the DSN alone, or a JSON object with it as "+service.SecretName)
	var asJSON *bool
	var title *string
	switch name {
	case "preflight":
		fs.StringVar(&cfg.Mapping, "mapping", cfg.Mapping, "the mapping: a `file`, or the name of one that is shipped (default: MIGRATION_MAPPING)")
		asJSON = fs.Bool("json", false, "the findings as JSON, as GET /v1/migration/preflight has them")
	case "draft":
		title = fs.String("name", "draft", "the `name` of the mapping")
	default:
		return fmt.Errorf("%q is not a command: preflight, draft, or none to run the app", name)
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is not understood", fs.Arg(0))
	}
	if name == "preflight" && cfg.Mapping == "" {
		return errors.New("no mapping is named: -mapping, or MIGRATION_MAPPING")
	}
	dsn, err := readDSN(*file)
	if err != nil {
		return err
	}
	if name == "draft" {
		return c.draft(ctx, dsn, *title, cfg, stdout)
	}
	findings, err := c.preflight(ctx, dsn, cfg)
	if err != nil {
		return err
	}
	return tell(stdout, findings, *asJSON)
}

// readDSN reads the DSN of a file. It is no argument, since every user of a machine sees
// those.
func readDSN(file string) (string, error) {
	b, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("the DSN: %w", err)
	}
	dsn := strings.TrimSpace(string(b))
	if strings.HasPrefix(dsn, "{") {
		var secrets map[string]string
		if err := json.Unmarshal(b, &secrets); err != nil {
			return "", fmt.Errorf("the DSN: %s is not an object of texts: %w", file, err)
		}
		dsn = secrets[service.SecretName]
	}
	if dsn == "" {
		return "", fmt.Errorf("the DSN: %s has none: put that of the monolith's database there", file)
	}
	return dsn, nil
}

// signs make the levels readable at a glance.
var signs = map[progress.Level]string{progress.OK: "✓", progress.Warning: "!", progress.Blocked: "✕"}

// tell prints what was found, and gives errBlocked where that forbids a move.
func tell(out io.Writer, findings []progress.Finding, asJSON bool) error {
	worst := progress.Worst(findings)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"status": worst, "findings": findings}); err != nil {
			return fmt.Errorf("findings: %w", err)
		}
	} else {
		for _, f := range findings {
			what := strings.TrimRight(f.Check+" "+strings.Trim(f.Table+"."+f.Column, "."), " ")
			if f.Detail != "" {
				what += ": " + f.Detail
			}
			fmt.Fprintf(out, "%s %-7s %s\n", signs[f.Level], f.Level, what)
			for line := range strings.Lines(f.Do) {
				fmt.Fprintf(out, "            %s\n", strings.TrimRight(line, "\n"))
			}
		}
		fmt.Fprintf(out, "%s %s\n", signs[worst], map[progress.Level]string{
			progress.OK: "a move can begin", progress.Warning: "a move can begin; look at what is marked", progress.Blocked: "a move cannot begin",
		}[worst])
	}
	if worst == progress.Blocked {
		return errBlocked
	}
	return nil
}
