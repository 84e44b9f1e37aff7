package clients

import (
	"context"
	"net/http"
	"net/url"

	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/orders/internal/checkout"
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
	path := "/internal/v1/users/" + url.PathEscape(userID) + "/checkout"
	if addressID != "" {
		path += "?address_id=" + url.QueryEscape(addressID)
	}
	var out struct {
		Email       string `json:"email"`
		Preferences struct {
			Currency string `json:"currency"`
			Language string `json:"language"`
		} `json:"preferences"`
		Address *order.Address `json:"address"`
	}
	err := u.sidecar.Invoke(ctx, sidecar.Call{App: "users", Method: http.MethodGet, Path: path, Out: &out})
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
