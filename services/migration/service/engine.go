package service

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tienda/contracts"
	"tienda/internal/app"
	"tienda/internal/contract"
	"tienda/internal/fault"
	"tienda/services/migration/internal/clients"
	"tienda/services/migration/internal/cutover"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/routing"
	"tienda/services/migration/internal/source"
	"tienda/services/migration/internal/statestore"
	"tienda/services/migration/internal/verify"
	"tienda/services/migration/mappings"
)

const (
	sampleEvery = 2 * time.Second  // how often the lag is looked at,
	adoptEvery  = 5 * time.Second  // how often it is looked for what was made in the shop,
	schemaEvery = 10 * time.Second // and whether the source still is what was mapped
)

// engine is what moves: a mover, a verifier, and what both are held to.
type engine struct {
	*move.Mover
	verifier *verify.Verifier
	source   *opening
	writing  *writing
	writer   *reverse.Writer
	rules    *rules
	schemas  mapping.Contracts
	config   Config
	dsn      DSN
	secrets  Secrets

	sealing sync.Mutex
	sealed  bool
}

// Engine makes the core over PostgreSQL. The mapping is read now: one with a fault
// keeps the app from starting.
func Engine(_ context.Context, c Config, dsn DSN, d app.Deps, desk *routing.Desk) (Core, error) {
	m, schemas, err := LoadMapping(c.Mapping)
	if err != nil {
		return Core{}, err
	}
	e := &engine{rules: newRules(m), schemas: schemas, config: c, dsn: dsn, secrets: d.Sidecar, writing: &writing{dsn: writeDSN(d.Sidecar)}}
	e.source = &opening{open: func(ctx context.Context) (source.Source, error) {
		at, err := dsn(ctx)
		if err != nil {
			return nil, err
		}
		return postgres.Open(ctx, e.database(at))
	}}
	target, journal := clients.NewOwners(d.Sidecar), statestore.NewJournal(d.DB)
	target.Adopts = e.adopts
	e.Mover = move.New(e.source, e.rules, target, journal, move.Config{Chunk: c.Chunk, Limit: int64(c.RejectLimit), Fits: e.fits}, d.Log)
	target.All, e.rules.handed = e.Handed, e.Handed
	e.verifier = verify.New(e.source, e.rules, target, e.Mover, journal, d.Log)
	cutovers := statestore.NewCutovers(d.DB)
	writer := reverse.New(m, e.writing, target, inCharge(journal, cutovers))
	back := reverse.NewFollower(writer, statestore.NewUnwritten(d.DB), time.Now, d.Log)
	e.writer = writer
	b := newBetween(e, gateways{desk}, back, target)
	cut := machine{cutover.New(b.doors, b, b, cutovers, d.Log), b}
	return Core{Control: e, Cutover: cut, Hearer: back, Parts: []app.Part{
		cut.work, app.Every(adoptEvery, d.Log, "what was made in the shop and is the monolith's again", b.adoptAll),
		e.Work, e.verifier.Work, e.writing.closing,
		app.Every(retryEvery, d.Log, "what the monolith did not take", back.Retry),
		app.Every(sampleEvery, d.Log, "how far the move is behind", e.sample),
		app.Every(schemaEvery, d.Log, "whether the source still is what was mapped", e.Recheck),
		e.closing,
	}}, nil
}

func (e *engine) database(dsn string) postgres.Config {
	return postgres.Config{DSN: dsn, Slot: e.config.Slot, Publication: e.config.Publication}
}

// LoadMapping reads a mapping by the name of a shipped one or from a file, and holds it
// to the owners' contracts.
func LoadMapping(name string) (*mapping.Mapping, mapping.Contracts, error) {
	var m *mapping.Mapping
	var err error
	if slices.Contains(mappings.Names(), name) {
		m, err = mappings.Load(name)
	} else if _, missing := os.Stat(name); missing != nil {
		err = fmt.Errorf("mapping: %s is neither a file nor one of %s", name, strings.Join(mappings.Names(), ", "))
	} else {
		m, err = mapping.LoadFile(name)
	}
	if err != nil {
		return nil, nil, err
	}
	schemas, err := Contracts()
	if err != nil {
		return nil, nil, err
	}
	return m, schemas, m.Use(schemas)
}

// Contracts gives the schemas of what the owners take.
func Contracts() (mapping.Contracts, error) {
	byApp := map[string]*contract.Contract{}
	for _, owner := range mapping.Owners() {
		if byApp[owner] != nil {
			continue
		}
		c, err := contract.Load(contracts.FS, owner)
		if err != nil {
			return nil, fmt.Errorf("contract of %s: %w", owner, err)
		}
		byApp[owner] = c
	}
	return func(kind string) (mapping.Schema, error) {
		return byApp[mapping.Owners()[kind]].Schema(mapping.SchemaName(kind))
	}, nil
}

// closing ends the connections to the source when the app ends.
func (e *engine) closing(ctx context.Context) error {
	<-ctx.Done()
	e.source.Close()
	return nil
}

// sample looks at the lag while there is a move.
func (e *engine) sample(ctx context.Context) error {
	s, err := e.Status(ctx)
	if err != nil || s.Phase != progress.Copying && s.Phase != progress.Following {
		return err
	}
	return e.Sample(ctx)
}

// fits says what of the source the mapping does not fit (any more).
func (e *engine) fits(ctx context.Context) error {
	schema, err := e.source.Schema(ctx)
	if err != nil {
		return err
	}
	e.rules.learn(schema)
	if err := e.rules.Check(schema, e.schemas); err != nil {
		return &move.Misfit{Reason: err.Error()}
	}
	if err := e.seal(ctx); err != nil {
		return err
	}
	return e.learnMade(ctx)
}

// learnMade has rows that were made by writing back keep the IDs of their documents. Where
// no role may write, none were: the secret store, which has just given a secret, has none
// for it.
func (e *engine) learnMade(ctx context.Context) error {
	_, err := e.writing.get(ctx)
	if code := fault.CodeOf(err); code == "no_source" || code == "secrets_unavailable" {
		return nil
	}
	return e.writer.Learn(ctx)
}

// adopts says whether a document may take the place of one that was made at its owner:
// one that was written back, or the stock of a product that may have been.
func (e *engine) adopts(kind, key string) bool {
	made := e.rules.Made()
	return made.Is(key) || kind == "stock" && made.Count() > 0
}

// inCharge gives what says whether a kind of document is written back, by what is kept:
// while the shop is in charge of it, until its service is finished.
func inCharge(j move.Journal, cut cutover.Store) reverse.InCharge {
	return func(ctx context.Context, kind string) (bool, error) {
		r, err := j.Run(ctx)
		if err != nil || !r.Handed[kind] {
			return false, err
		}
		for _, s := range cutover.Services {
			if slices.Contains(s.Kinds, kind) {
				st, err := cut.State(ctx, s.Name)
				return st.Stage != cutover.Finished, err
			}
		}
		return false, nil
	}
}

// seal gives the mapping the key of password digests, once.
func (e *engine) seal(ctx context.Context) error {
	e.sealing.Lock()
	defer e.sealing.Unlock()
	if e.sealed {
		return nil
	}
	key, err := secret(ctx, e.secrets, SecretKey, "put 32 random bytes there, in base64, and leave them as they are until the move is over.")
	if err != nil {
		return err
	}
	e.rules.Seal([]byte(key))
	e.sealed = true
	return nil
}

// Preflight implements progress.Control.
func (e *engine) Preflight(ctx context.Context) ([]progress.Finding, error) {
	at, err := e.dsn(ctx)
	if err != nil {
		return away(err), nil
	}
	return append(Findings(ctx, e.database(at), e.rules.Mapping, e.schemas), e.writing.findings(ctx, e.rules.Mapping)...), nil
}

// away is what a preflight says where nobody says where the source is: nothing is
// known to be well.
func away(err error) []progress.Finding {
	return []progress.Finding{{
		Check: "connection", Level: progress.Blocked, Detail: fault.CodeOf(err) + ": the address of the source is not known.",
		Do: "Look at the secret " + SecretName + " of the secret store " + SecretStore + ".",
	}}
}

// Start implements progress.Control.
func (e *engine) Start(ctx context.Context) error {
	s, err := e.Status(ctx)
	if err != nil {
		return err
	}
	if s.Phase == progress.Copying || s.Phase == progress.Following {
		return nil
	}
	findings, err := e.Preflight(ctx)
	if err != nil {
		return err
	}
	var blocked []fault.Field
	for _, f := range findings {
		if f.Level == progress.Blocked {
			blocked = append(blocked, fault.Field{Name: f.Check, Reason: f.Detail})
		}
	}
	if len(blocked) > 0 {
		refusal := fault.New(fault.Conflict, "preflight_blocked", "The preflight has found what keeps the move from starting. It tells what to do.")
		refusal.Fields = blocked
		return refusal
	}
	return e.Mover.Start(ctx)
}

// Verify implements progress.Control.
func (e *engine) Verify(ctx context.Context) error {
	if err := e.fits(ctx); err != nil {
		return fault.New(fault.Conflict, "not_verifiable", "The source does not answer, or is not what was mapped. See the preflight.").Because(err)
	}
	return e.verifier.Verify(ctx)
}

// Status implements progress.Control.
func (e *engine) Status(ctx context.Context) (progress.Status, error) {
	s, err := e.Mover.Status(ctx)
	if err != nil {
		return s, err
	}
	if r, err := e.verifier.Report(ctx); err == nil {
		s.Verified = &r.Verdict
		for _, k := range r.Kinds {
			if k.Excluded > 0 {
				s.Excluded = append(s.Excluded, progress.Excluded{Kind: k.Kind, Rows: k.Excluded, Reason: e.reason(k.Kind)})
			}
		}
	}
	return s, nil
}

// reason gives the mapping's words on the rows of a kind that it leaves out.
func (e *engine) reason(kind string) string {
	var reasons []string
	for _, k := range e.rules.Mapping.Kinds() {
		if k.Kind == kind && k.Reason != "" {
			reasons = append(reasons, k.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// Report implements progress.Control.
func (e *engine) Report(ctx context.Context) (progress.Report, error) { return e.verifier.Report(ctx) }

// Repair implements progress.Control.
func (e *engine) Repair(ctx context.Context) (int, error) { return e.verifier.Repair(ctx) }
