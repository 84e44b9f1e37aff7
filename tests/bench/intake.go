package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tienda/monolith/local"
	"tienda/tests/shop"
)

// incoming is a document as the migration sends it.
type incoming struct {
	ID     string `json:"id"`
	Source struct {
		Key      string `json:"key"`
		Position uint64 `json:"position"`
	} `json:"source"`
	Document json.RawMessage `json:"document"`
	Part     string          `json:"part,omitempty"`
}

// measureIntake sends the documents of a move to their owners at their own doors, with
// neither a monolith nor the migration beside them, and says what each kind costs of the
// owner, its sidecar and the store. file keeps the documents from one run to the next.
func measureIntake(ctx context.Context, m *meter, customers int, profile, bin, dir, file string) error {
	docs, err := movedDocuments(ctx, m, customers, bin, dir, file)
	if err != nil {
		return err
	}
	v := &moving{Migration: &Migration{Profile: profile}, http: client(16)}
	if v.shop, err = shop.Start(ctx, shop.Options{Bin: bin, Dir: filepath.Join(dir, "intake"), Profile: profile, NoSeed: true}); err != nil {
		return err
	}
	defer v.shop.Stop()
	tokens, err := v.shop.Tokens()
	if err != nil {
		return err
	}
	v.token = tokens["APP_API_TOKEN"]
	m.processes = processesOf(v.shop)
	fmt.Printf("%-12s %9s %9s %7s %9s %9s %9s %9s\n", "kind", "documents", "seconds", "calls", "owner µs", "sidecar", "store", "together")
	for _, o := range owners {
		if err := v.takeIn(ctx, m, o.kind, o.app, docs[o.kind]); err != nil {
			return fmt.Errorf("%s: %w", o.kind, err)
		}
	}
	return nil
}

// movedDocuments gives the documents of a move by kind, from a file, or moves a monolith for them.
func movedDocuments(ctx context.Context, m *meter, customers int, bin, dir, file string) (docs map[string][]json.RawMessage, err error) {
	raw, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err == nil {
		return docs, json.Unmarshal(raw, &docs)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	v := &moving{Migration: &Migration{Profile: "local", Customers: customers}, http: client(16)}
	if v.database, err = local.Open(ctx, local.Config{Dir: filepath.Join(dir, "monolith")}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.database.Close()) }()
	if err := v.fill(ctx); err != nil {
		return nil, err
	}
	if err := v.start(ctx, bin, filepath.Join(dir, "shop")); err != nil {
		return nil, err
	}
	defer v.shop.Stop()
	m.processes = processesOf(v.shop)
	if err := v.copy(ctx, m); err != nil {
		return nil, err
	}
	if docs, err = v.sent(ctx); err != nil {
		return nil, err
	}
	if raw, err = json.Marshal(docs); err != nil {
		return nil, err
	}
	return docs, os.WriteFile(file, raw, 0o600)
}

// takeIn sends the documents of a kind as a copy does: 1,000 rows, sorted by part, 200 at a time.
func (v *moving) takeIn(ctx context.Context, m *meter, kind, app string, raw []json.RawMessage) error {
	type numbered struct {
		incoming
		n int64
	}
	docs := make([]numbered, len(raw))
	for i, d := range raw {
		if err := json.Unmarshal(d, &docs[i].incoming); err != nil {
			return err
		}
		docs[i].Part = docs[i].ID[:2]
		_, key, _ := strings.Cut(docs[i].Source.Key, ":")
		if n, err := strconv.ParseInt(key, 10, 64); err == nil {
			docs[i].n, docs[i].Part = n, strconv.FormatInt(n/100, 10)
		}
	}
	slices.SortStableFunc(docs, func(a, b numbered) int {
		return cmp.Or(strings.Compare(sourceOf(a.Source.Key), sourceOf(b.Source.Key)), cmp.Compare(a.n, b.n))
	})
	var bodies []string
	for chunk := range slices.Chunk(docs, 1000) {
		slices.SortStableFunc(chunk, func(a, b numbered) int { return strings.Compare(a.Part, b.Part) })
		for batch := range slices.Chunk(chunk, movedBatch) {
			in := struct {
				Part      string     `json:"part"`
				Documents []incoming `json:"documents"`
			}{Part: batch[0].Part}
			for _, d := range batch {
				if d.Part == in.Part {
					d.Part = ""
				}
				in.Documents = append(in.Documents, d.incoming)
			}
			body, err := json.Marshal(in)
			if err != nil {
				return err
			}
			bodies = append(bodies, string(body))
		}
	}
	calls, err := counted(ctx, metricsPorts(v.shop))
	if err != nil {
		return err
	}
	cpu, store, began := m.cpuByProcess(), v.storeSeconds(), time.Now()
	queue, errs := make(chan string), make([]error, moveWorkers)
	var wg sync.WaitGroup
	for i := range moveWorkers {
		wg.Go(func() {
			for body := range queue {
				errs[i] = cmp.Or(errs[i], v.takeBatch(ctx, kind, app, body))
			}
		})
	}
	for _, b := range bodies {
		queue <- b
	}
	close(queue)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	took, after := time.Since(began), m.cpuByProcess()
	now, err := counted(ctx, metricsPorts(v.shop))
	if err != nil {
		return err
	}
	each := func(seconds float64) float64 { return seconds * 1e6 / float64(max(len(docs), 1)) }
	own, side, kept := each(after[app]-cpu[app]), each(after[app+"-d"]-cpu[app+"-d"]), each(v.storeSeconds()-store)
	fmt.Printf("%-12s %9d %9.2f %9.0f %9.0f %9.0f %9.0f  %s\n", kind, len(docs), took.Seconds(), own, side, kept, own+side+kept,
		now.Per(calls, float64(len(bodies))))
	return nil
}

func sourceOf(key string) string { s, _, _ := strings.Cut(key, ":"); return s }

func (v *moving) takeBatch(ctx context.Context, kind, app, body string) error {
	var out struct {
		Results []struct {
			Outcome string
			Problem json.RawMessage
		}
	}
	if err := v.ask(ctx, app, http.MethodPost, "/internal/v1/sync/"+kind, body, &out); err != nil {
		return err
	}
	for _, r := range out.Results {
		if r.Outcome != "stored" {
			return fmt.Errorf("a document is %s: %s", r.Outcome, r.Problem)
		}
	}
	return nil
}

// storeSeconds gives the CPU seconds of the profile's server; 0: there is none.
func (v *moving) storeSeconds() float64 {
	_, port, err := net.SplitHostPort(v.shop.Store)
	if err != nil {
		return 0
	}
	return serverSeconds(port)
}

// serverSeconds gives the CPU seconds of a database's server, found by its port, and of its children.
func serverSeconds(port string) (seconds float64) {
	servers := map[string]bool{}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		b, _ := os.ReadFile(file) //nolint:gosec // of the kernel
		words := strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 || r == ' ' || r == ':' || r == '=' })
		if len(words) > 0 && isServer(filepath.Base(words[0])) && slices.Contains(words, port) {
			servers[filepath.Base(filepath.Dir(file))] = true
		}
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, _ := os.ReadFile(file) //nolint:gosec // of the kernel
		pid, fields := filepath.Base(filepath.Dir(file)), strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if servers[pid] || len(fields) > 1 && servers[fields[1]] {
			n, _ := strconv.Atoi(pid)
			seconds += processSeconds(n)
		}
	}
	return seconds
}

func isServer(program string) bool {
	return strings.HasPrefix(program, "redis-server") || strings.HasPrefix(program, "postgres")
}
