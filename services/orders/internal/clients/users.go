package clients

import (
	"context"
	"net/http"
	"net/url"

	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
)

var (
	errAddress = fault.New(fault.Unprocessable, "address_unknown", "The account has no such address.").
			At("/address_id", "is not one of your addresses")
	errAccount = fault.New(fault.Unauthenticated, "sign_in", "The account is gone. Sign in again.")
)

// Users is the app users.
type Users struct{ sidecar Invoker }

// NewUsers gives users behind a sidecar.
func NewUsers(s Invoker) *Users { return &Users{sidecar: s} }

// Profile implements checkout.Users. One invocation.
func (u *Users) Profile(ctx context.Context, userID, addressID string) (checkout.Profile, error) {
	out, err := u.ask(ctx, userID, addressID)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound && addressID != "":
		return checkout.Profile{}, errAddress.Because(err)
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return checkout.Profile{}, errAccount.Because(err)
	case err != nil:
		return checkout.Profile{}, err
	}
	return checkout.Profile{
		Email: out.Email, Currency: out.Preferences.Currency, Language: out.Preferences.Language, Address: out.Address,
	}, nil
}

// Reader implements letters.Readers. One invocation.
func (u *Users) Reader(ctx context.Context, userID string) (letters.Reader, error) {
	out, err := u.ask(ctx, userID, "")
	return letters.Reader{Email: out.Email, Language: out.Preferences.Language, Marketing: out.Preferences.MarketingMail}, err
}

// customer is what users says of one.
type customer struct {
	Email       string `json:"email"`
	Preferences struct {
		Currency      string `json:"currency"`
		Language      string `json:"language"`
		MarketingMail bool   `json:"marketing_mail"`
	} `json:"preferences"`
	Address *order.Address `json:"address"`
}

func (u *Users) ask(ctx context.Context, userID, addressID string) (out customer, err error) {
	path := "/internal/v1/users/" + url.PathEscape(userID) + "/checkout"
	if addressID != "" {
		path += "?address_id=" + url.QueryEscape(addressID)
	}
	err = u.sidecar.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: path, Out: &out})
	return out, err
}
