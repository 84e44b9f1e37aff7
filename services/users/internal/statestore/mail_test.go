package statestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/session"
	"tienda/services/users/internal/throttle"
)

// server is a mail server: what it took, and what it does to a message first.
type server struct {
	slow time.Duration // for each message

	mu   sync.Mutex
	took []mail.Message
	fail func(mail.Message) error
}

func (s *server) Send(_ context.Context, m mail.Message) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(m); err != nil {
			return err
		}
	}
	s.took = append(s.took, m)
	return nil
}

// to gives the messages to an address.
func (s *server) to(email string) (out []mail.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.took {
		if m.To == email {
			out = append(out, m)
		}
	}
	return out
}

// taken is a topic that takes every event.
type taken struct{}

func (taken) Publish(context.Context, []byte) error { return nil }

// replica is the users service on the real clock (of synctest), with its outbox
// and its sender.
type replica struct {
	db       *state.DB
	store    *Accounts
	accounts *account.Service
	sessions *session.Service
	sender   *mail.Sender
	stopMail func() // the sender, in good order
	stop     func() // that, then the outbox
}

// authenticate finds an account as a sign-in does.
func (r *replica) authenticate(t *testing.T, email, password string) (account.User, error) {
	t.Helper()
	found, err := NewSignIns(NewSessions(r.db, time.Now)).Look(t.Context(), email, nil)
	require.NoError(t, err)
	return found.User, r.accounts.Authenticate(t.Context(), found.User, password)
}

func startReplica(t *testing.T, docs state.Store, to mail.Mailer) *replica {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	db := state.OpenOutbox(docs, taken{}, log)
	r := &replica{db: db, store: NewAccounts(db)}
	r.accounts = account.NewService(r.store, plain{}, throttle.NewService(NewGuards(db), time.Now), time.Now)
	r.sessions = session.NewService(NewSessions(db, time.Now), time.Now)
	shop, err := url.Parse("https://shop.example")
	require.NoError(t, err)
	r.sender = mail.NewSender(r.store.Mail(), account.NewComposer(r.store, r.sessions, shop, time.Now), to, time.Now, log)
	r.store.Mail().Start(r.sender)
	db.OnUnfinished(r.store.NoteUnfinished)
	front, stopFront := context.WithCancel(context.Background())
	back, stopBack := context.WithCancel(context.Background())
	sent, published := make(chan error, 1), make(chan error, 1)
	go func() { sent <- r.sender.Part(front) }()
	go func() { published <- db.Start(back, time.Second) }()
	r.stopMail = sync.OnceFunc(func() {
		stopFront()
		require.NoError(t, <-sent)
	})
	r.stop = sync.OnceFunc(func() {
		r.stopMail()
		stopBack()
		require.NoError(t, <-published)
	})
	return r
}

func (r *replica) register(t *testing.T, email string) account.User {
	t.Helper()
	u, err := r.accounts.Register(t.Context(), email, "a password", "Ana")
	require.NoError(t, err)
	return u
}

var tokenOf = regexp.MustCompile(`#token=([\w-]{64})`)

func proofIn(t *testing.T, m mail.Message) string {
	t.Helper()
	found := tokenOf.FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return found[1]
}

// life starts one replica over a fresh store.
func life(t *testing.T, work func(t *testing.T, r *replica, docs *statetest.Memory, smtp *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &server{}
		r := startReplica(t, docs, smtp)
		defer r.stop()
		work(t, r, docs, smtp)
	})
}

func TestALetterIsSentAtOnceAndLeavesNothing(t *testing.T) {
	life(t, func(t *testing.T, r *replica, docs *statetest.Memory, smtp *server) {
		u := r.register(t, "ana@example.com")
		settle()
		require.Len(t, smtp.to("ana@example.com"), 1)
		require.Empty(t, docs.Keys("mail"), "neither letter nor list")
		require.Equal(t, mail.Stats{Sent: 1}, r.sender.Stats())
		got, err := r.accounts.User(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, int64(1), got.Version, "that a token was made is no change that a client sees")
		items, err := docs.Get(t.Context(), docs.Keys("")...)
		require.NoError(t, err)
		for _, it := range items {
			require.NotContains(t, string(it.Value), proofIn(t, smtp.took[0]), it.Key)
		}
	})
}

func TestTokens(t *testing.T) {
	life(t, func(t *testing.T, r *replica, _ *statetest.Memory, smtp *server) {
		u := r.register(t, "ana@example.com")
		require.NoError(t, r.accounts.AskReset(t.Context(), "ANA@example.com"))
		settle()
		time.Sleep(account.ResetTime)
		_, err := r.accounts.ResetPassword(t.Context(), proofIn(t, smtp.took[1]), "new password")
		require.ErrorIs(t, err, account.ErrProof, "half an hour is over")
		_, err = r.authenticate(t, "ana@example.com", "a password")
		require.NoError(t, err)

		require.NoError(t, r.accounts.AskReset(t.Context(), "ana@example.com"))
		settle()
		time.Sleep(account.ResetTime - 10*time.Millisecond) // settle has taken as much
		tok := proofIn(t, smtp.took[2])
		won, errs := together(8, func(int) error {
			_, err := r.accounts.ResetPassword(context.Background(), tok, "new password")
			return err
		})
		require.Equal(t, 1, won, "used by eight at once it works once")
		for _, err := range errs {
			require.ErrorIs(t, err, account.ErrProof)
		}
		settle()
		require.Len(t, smtp.to("ana@example.com"), 4, "and the user is told once")
		_, err = r.authenticate(t, "ana@example.com", "new password")
		require.NoError(t, err)
		_, err = r.accounts.VerifyEmail(t.Context(), proofIn(t, smtp.took[0]))
		require.ErrorIs(t, err, account.ErrProof, "the reset has verified the address")
		got, err := r.accounts.User(t.Context(), u.ID)
		require.NoError(t, err)
		require.True(t, got.EmailVerified)
	})
}

func TestTooManyResetsAreDroppedWithoutTelling(t *testing.T) {
	life(t, func(t *testing.T, r *replica, docs *statetest.Memory, smtp *server) {
		r.register(t, "ana@example.com")
		for range account.MaxAsked + 2 {
			require.NoError(t, r.accounts.AskReset(t.Context(), "ana@example.com"))
			require.NoError(t, r.accounts.AskReset(t.Context(), "nobody@example.com"))
		}
		settle()
		require.Len(t, smtp.to("ana@example.com"), 1+account.MaxAsked)
		require.Empty(t, smtp.to("nobody@example.com"))
		require.Empty(t, docs.Keys("mail"))
		require.Equal(t, int64(account.MaxAsked+4), r.sender.Stats().Dropped)
	})
}

// The server is away: nothing is lost, what is due is tried with growing pauses,
// and the journal is not held up meanwhile.
func TestAServerThatIsAway(t *testing.T) {
	life(t, func(t *testing.T, r *replica, docs *statetest.Memory, smtp *server) {
		tries := 0
		smtp.fail = func(mail.Message) error { tries++; return errors.New("connection refused") }
		for i := range 300 {
			r.register(t, fmt.Sprintf("ana%d@example.com", i))
		}
		time.Sleep(time.Minute)
		require.Len(t, docs.Keys("mail:"), 300)
		require.Zero(t, r.sender.Stats().Waiting, "all are listed")
		require.Equal(t, 300, r.sender.Stats().Listed)
		require.Less(t, tries, 15, "one that is away is not asked for each letter")
		smtp.mu.Lock()
		smtp.fail = nil
		smtp.mu.Unlock()
		time.Sleep(5 * time.Minute)
		require.Len(t, smtp.took, 300)
		require.Empty(t, docs.Keys("mail:"))
		_, listed, err := r.store.Mail().Due(t.Context(), time.Now(), 1)
		require.NoError(t, err)
		require.Zero(t, listed)
	})
}

// One recipient whom the server refuses does not hold up the others, and is
// given up in the end.
func TestARefusedRecipient(t *testing.T) {
	life(t, func(t *testing.T, r *replica, docs *statetest.Memory, smtp *server) {
		smtp.fail = func(m mail.Message) error {
			if m.To == "bad@example.com" {
				return fmt.Errorf("%w: 550", mail.ErrRefused)
			}
			return nil
		}
		r.register(t, "bad@example.com")
		r.register(t, "good@example.com")
		time.Sleep(10 * time.Second)
		require.Len(t, smtp.to("good@example.com"), 1)
		time.Sleep(mail.Patience + 20*time.Minute)
		s := r.sender.Stats()
		require.Equal(t, int64(1), s.GivenUp)
		require.Equal(t, int64(1), s.Sent)
		require.Greater(t, s.Failed, int64(90), "every quarter of an hour")
		require.Less(t, s.Failed, int64(120))
		require.Empty(t, docs.Keys("mail:"))
	})
}

// dies is a store that a replica reaches until it dies.
type dies struct {
	state.Store
	mu   sync.Mutex
	dead bool
}

var errDead = errors.New("this replica is dead")

func (d *dies) die() { d.mu.Lock(); d.dead = true; d.mu.Unlock() }

func (d *dies) check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	return nil
}

func (d *dies) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return d.Store.Get(ctx, keys...)
}

func (d *dies) Commit(ctx context.Context, ops ...state.Op) error {
	if err := d.check(); err != nil {
		return err
	}
	return d.Store.Commit(ctx, ops...)
}

// A replica dies between the commit and the sending. Another one sends.
func TestADeadReplicasLetters(t *testing.T) {
	for _, when := range []string{"before it tries", "after a try that failed"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				docs, smtp := statetest.NewMemory(), &server{}
				mortal := &dies{Store: docs}
				first := startReplica(t, mortal, &server{fail: func(mail.Message) error {
					if when == "before it tries" {
						mortal.die() // nothing of what follows is stored
					}
					return errors.New("no")
				}})
				first.register(t, "ana@example.com")
				settle()
				mortal.die()
				second := startReplica(t, docs, smtp)
				defer second.stop()
				defer first.stop()
				time.Sleep(20 * time.Second)
				require.Len(t, smtp.to("ana@example.com"), 1)
				u, err := second.accounts.VerifyEmail(t.Context(), proofIn(t, smtp.took[0]))
				require.NoError(t, err)
				require.True(t, u.EmailVerified)
				require.Empty(t, docs.Keys("mail:"))
			})
		})
	}
}

// The process dies after the password has changed and before the sessions have
// ended: whoever sends the notice ends them, and none that was opened since.
func TestTheNoticeEndsWhatWasLeftOpen(t *testing.T) {
	life(t, func(t *testing.T, r *replica, _ *statetest.Memory, smtp *server) {
		smtp.fail = func(m mail.Message) error {
			if m.Subject == "Your password was changed" {
				return errors.New("away")
			}
			return nil
		}
		u := r.register(t, "ana@example.com")
		old, err := r.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "old"})
		require.NoError(t, err)
		own, err := r.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "own"})
		require.NoError(t, err)
		time.Sleep(time.Second)
		_, err = r.accounts.ChangePassword(t.Context(), u.ID, "a password", "another one", own.SessionID, passwordAlone)
		require.NoError(t, err)
		settle()
		later, err := r.sessions.Open(t.Context(), u.ID, session.Client{UserAgent: "later"})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		open, err := r.sessions.List(t.Context(), u.ID)
		require.NoError(t, err)
		var ids []string
		for _, f := range open {
			ids = append(ids, f.ID)
		}
		require.ElementsMatch(t, []string{own.SessionID, later.SessionID}, ids)
		require.NotContains(t, ids, old.SessionID)
	})
}

// Two replicas that see the same list send each letter once.
func TestTwoReplicasShareTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &server{slow: 100 * time.Millisecond, fail: func(mail.Message) error { return errors.New("away") }}
		a, b := startReplica(t, docs, smtp), startReplica(t, docs, smtp)
		defer a.stop()
		defer b.stop()
		for i := range 60 {
			r := []*replica{a, b}[i%2]
			r.register(t, fmt.Sprintf("ana%d@example.com", i))
		}
		time.Sleep(30 * time.Second)
		smtp.mu.Lock()
		smtp.fail = nil
		smtp.mu.Unlock()
		time.Sleep(2 * time.Minute)
		for i := range 60 {
			require.Len(t, smtp.to(fmt.Sprintf("ana%d@example.com", i)), 1)
		}
		require.Empty(t, docs.Keys("mail:"))
	})
}

// A stop in good order lists what is left, so that the journal can be retired.
func TestAStopLeavesTheListOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, smtp := statetest.NewMemory(), &server{fail: func(mail.Message) error { return errors.New("away") }}
		r := startReplica(t, docs, smtp)
		r.register(t, "ana@example.com")
		r.register(t, "eva@example.com")
		r.stopMail()
		r.register(t, "iva@example.com") // a request that was still under way
		began := time.Now()
		r.stop()
		require.Less(t, time.Since(began), time.Second, "nothing holds up the journal")
		require.Len(t, docs.Keys("mail:"), 3)
		_, listed, err := r.store.Mail().Due(t.Context(), time.Now(), 10)
		require.NoError(t, err)
		require.Equal(t, 3, listed)
	})
}

// settle waits until what has been committed is sent, long before the next look
// at the list.
func settle() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}
