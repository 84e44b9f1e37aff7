package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"tienda/internal/mail"
	"tienda/services/users/internal/letters"
)

// Composer writes the letters of accounts: it makes the tokens that they carry,
// when they are sent. It implements mail.Composer.
type Composer struct {
	store    Store
	sessions Ender
	shop     *url.URL
	now      func() time.Time
}

// NewComposer gives a composer whose links lead to the shop's pages.
func NewComposer(store Store, sessions Ender, shop *url.URL, now func() time.Time) *Composer {
	return &Composer{store: store, sessions: sessions, shop: shop, now: now}
}

// Pages of the shop that the links lead to. The token is in the fragment, which
// no browser sends: it is in no log of a server and in no Referer.
var pages = map[mail.Kind]string{
	letters.VerifyEmail: "verify-email", letters.ConfirmNewEmail: "verify-email", letters.ResetPassword: "reset-password",
}

// ShopURL reads where the shop's pages are: a URL of https, or of http on this
// machine.
func ShopURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the shop's URL: %w", err)
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return nil, fmt.Errorf("the shop's URL %q is not https", text)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the shop's URL %q is not https://host[:port][/path]", text)
	}
	return u, nil
}

// Compose implements mail.Composer. State: 1 read, and 1 write of the token (of
// a reset 2 reads more: who has the e-mail); for a change of the password the
// end of the sessions instead.
func (c *Composer) Compose(ctx context.Context, l mail.Letter) (mail.Message, error) {
	u, err := c.reader(ctx, l)
	if err != nil {
		return mail.Message{}, err
	}
	d := letters.Data{Shop: c.shop.String()}
	if page, ok := pages[l.Kind]; ok {
		var t ProofToken
		u, err = c.store.Update(ctx, u.ID, func(u *User) (err error) {
			t, err = u.Prove(l, c.now())
			return err
		})
		if err != nil {
			return mail.Message{}, moot(err)
		}
		link := c.shop.JoinPath(page)
		link.Fragment = "token=" + t.String()
		d.Link = link.String()
	}
	if l.Kind == letters.PasswordChanged {
		// Whoever changed the password has ended them, unless that failed or the
		// process died.
		if err := c.sessions.EndAll(ctx, u.ID, l.Ref, l.At); err != nil {
			return mail.Message{}, err
		}
	}
	return letters.Write(l.Kind, l.To, u.Preferences.Language, d)
}

// reader gives the user whom a letter is for; mail.ErrMoot.
func (c *Composer) reader(ctx context.Context, l mail.Letter) (User, error) {
	if l.About == "" {
		u, ok, err := c.store.ByEmail(ctx, l.To)
		if err == nil && (!ok || u.Barred()) { // who is barred sets no password either
			err = mail.ErrMoot
		}
		return u, err
	}
	u, err := c.store.User(ctx, l.About)
	if err != nil {
		return User{}, moot(err)
	}
	if !u.Wrote(l) {
		return User{}, mail.ErrMoot
	}
	return u, nil
}

// moot says so of a user who is gone.
func moot(err error) error {
	if errors.Is(err, ErrMissing) {
		return mail.ErrMoot
	}
	return err
}
