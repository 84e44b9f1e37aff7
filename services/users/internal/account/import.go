package account

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/services/users/internal/password"
)

// ImportBatch is how many accounts one Import takes: two documents each, the
// user and the claim of its e-mail, make a transaction of 100.
const ImportBatch = 50

// importSpace is the namespace of the IDs of imported accounts.
var importSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("tienda:users:email"))

// errRegistered keeps a stranger who registered with somebody's e-mail before
// the move from getting that person's addresses.
var errRegistered = fault.New(fault.Conflict, "email_registered",
	"Somebody has registered with this e-mail here.").At("/email", "belongs to an account that was registered here")

// errErased keeps an old dump from bringing back whom its owner has deleted.
var errErased = fault.New(fault.Conflict, "account_deleted", "The account of this e-mail was deleted here.").
	At("/email", "belongs to an account that was deleted here")

// Imported is an account as another system had it.
type Imported struct {
	ExternalID string
	Email      string
	Name       string
	Password   string // "": none
	// PasswordHash is as the other system had it; nil: none. Without either the
	// account cannot sign in by password.
	PasswordHash *password.Legacy
	Roles        []caller.Role
	Preferences  *Preferences // nil: none stated
	Addresses    []Address    // without IDs; the first is the default one
}

// ImportedID gives the ID of an imported account, which depends on its normal
// e-mail alone, so that a repeat finds what the first time made.
func ImportedID(email string) string { return uuid.NewSHA1(importSpace, []byte(email)).String() }

// Import stores up to ImportBatch accounts in one commit. The slice tells for
// each why it was refused (nil: taken); the error that nothing was stored. An
// account that is there already keeps its password and its roles.
func (s *Service) Import(ctx context.Context, batch []Imported) ([]error, error) {
	refused := make([]error, len(batch))
	var emails []string
	var fresh []User
	var lines []int // fresh[i] is what batch[lines[i]] describes
	for i, in := range batch {
		u, err := in.user(s.now())
		if err != nil {
			refused[i] = err
			continue
		}
		emails, fresh, lines = append(emails, u.Email), append(fresh, u), append(lines, i)
	}
	if len(fresh) == 0 {
		return refused, nil
	}
	if err := s.hashNew(ctx, batch, lines, fresh, emails); err != nil {
		return nil, err
	}
	err := s.store.Import(ctx, emails, func(i int, held *User) (*User, error) {
		line := lines[i]
		refused[line] = nil
		switch {
		case held == nil:
			u := fresh[i]
			return &u, nil
		case held.Erased():
			refused[line] = errErased
			return nil, nil
		case held.ID != fresh[i].ID:
			refused[line] = errRegistered
			return nil, nil
		default:
			return held.upToDate(batch[line], fresh[i]), nil
		}
	})
	if err != nil {
		return nil, err
	}
	return refused, nil
}

// hashNew hashes the passwords of those who are not there yet: a repeat costs
// no hashing.
func (s *Service) hashNew(ctx context.Context, batch []Imported, lines []int, fresh []User, emails []string) error {
	holders, err := s.store.Holders(ctx, emails)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range fresh {
		in := batch[lines[i]]
		if in.Password == "" && in.PasswordHash == nil || holders[emails[i]] != "" {
			continue
		}
		g.Go(func() (err error) {
			if in.PasswordHash != nil {
				fresh[i].PasswordHash, err = s.hasher.Wrap(ctx, *in.PasswordHash)
			} else {
				fresh[i].PasswordHash, err = s.hasher.Hash(ctx, in.Password)
			}
			return err
		})
	}
	return g.Wait()
}

// user makes the account that the line describes, its password apart.
func (in Imported) user(now time.Time) (User, error) {
	u, err := New(in.Email, in.Name, "", now)
	if err != nil {
		return User{}, err
	}
	if in.PasswordHash != nil {
		if err := in.PasswordHash.Check(); err != nil {
			return User{}, err
		}
		if in.Password != "" {
			return User{}, invalid("/password_hash", "stands beside a password")
		}
	}
	u.ID, u.ExternalID, u.Roles = ImportedID(u.Email), in.ExternalID, normalRoles(in.Roles)
	space := uuid.MustParse(u.ID)
	for i, a := range in.Addresses {
		if a.check() != nil {
			return User{}, invalid("/addresses/"+strconv.Itoa(i)+"/country", "is not a country of ISO 3166")
		}
		a.ID = addressID(space, i)
		u.Addresses = append(u.Addresses, a)
	}
	if in.Preferences != nil {
		u.Preferences = *in.Preferences
	}
	if err := u.Preferences.check(); err != nil {
		return User{}, err
	}
	u.Preferences.DefaultAddressID = ""
	if len(u.Addresses) > 0 {
		u.Preferences.DefaultAddressID = u.Addresses[0].ID
	}
	return u, nil
}

// upToDate gives the held account with what the line states of name,
// preferences and addresses; nil if it says nothing new. Addresses that the
// user added here stay.
func (u *User) upToDate(in Imported, line User) *User {
	next := *u
	next.Name = line.Name
	if in.ExternalID != "" {
		next.ExternalID = in.ExternalID
	}
	if in.Preferences != nil {
		next.Preferences = line.Preferences
		next.Preferences.DefaultAddressID = u.Preferences.DefaultAddressID
		if at := u.Preferences.MarketingMailAt; !at.IsZero() { // decided here
			next.Preferences.MarketingMail, next.Preferences.MarketingMailAt = u.Preferences.MarketingMail, at
		}
	}
	next.Addresses = slices.Clone(u.Addresses)
	for _, a := range line.Addresses {
		if i := next.addressAt(a.ID); i >= 0 {
			next.Addresses[i] = a
		} else if len(next.Addresses) < MaxAddresses {
			next.Addresses = append(next.Addresses, a)
		}
	}
	if reflect.DeepEqual(next, *u) {
		return nil
	}
	next.record(ProfileChanged)
	return &next
}
