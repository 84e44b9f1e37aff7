package account

import (
	"slices"

	"github.com/google/uuid"

	"tienda/internal/country"
)

// Address is a place to send things to. The limits of its texts are stated in
// the contract.
type Address struct {
	ID         string `json:"id"`
	Name       string `json:"name"` // of who receives
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"` // ISO 3166 alpha-2
	Phone      string `json:"phone,omitempty"`
}

func (a Address) check() error {
	if !country.Valid(a.Country) {
		return invalid("/country", "is not a country of ISO 3166")
	}
	return nil
}

// Address gives one of the user's addresses; fault.NotFound if it is none.
func (u *User) Address(id string) (Address, error) {
	i := u.addressAt(id)
	if i < 0 {
		return Address{}, errAddress
	}
	return u.Addresses[i], nil
}

func (u *User) addressAt(id string) int {
	return slices.IndexFunc(u.Addresses, func(a Address) bool { return a.ID == id })
}

// AddAddress adds an address and gives it its ID.
func (u *User) AddAddress(a Address) (Address, error) {
	if err := a.check(); err != nil {
		return Address{}, err
	}
	if len(u.Addresses) >= MaxAddresses {
		return Address{}, ErrFull
	}
	a.ID = uuid.Must(uuid.NewV7()).String()
	u.Addresses = append(u.Addresses, a)
	u.record(ProfileChanged)
	return a, nil
}

// ChangeAddress replaces the address that has a's ID.
func (u *User) ChangeAddress(a Address) error {
	if err := a.check(); err != nil {
		return err
	}
	i := u.addressAt(a.ID)
	if i < 0 {
		return errAddress
	}
	u.Addresses[i] = a
	u.record(ProfileChanged)
	return nil
}

// RemoveAddress takes an address away. If it was the default one, there is
// none until the user chooses again.
func (u *User) RemoveAddress(id string) error {
	i := u.addressAt(id)
	if i < 0 {
		return errAddress
	}
	u.Addresses = slices.Delete(u.Addresses, i, i+1)
	if u.Preferences.DefaultAddressID == id {
		u.Preferences.DefaultAddressID = ""
	}
	u.record(ProfileChanged)
	return nil
}

// DeliveryAddress gives the address for an order: the chosen one
// (fault.NotFound if the user has no such), else the default one, else the
// only one, else nil.
func (u *User) DeliveryAddress(chosen string) (*Address, error) {
	if chosen == "" {
		chosen = u.Preferences.DefaultAddressID
	}
	if chosen == "" && len(u.Addresses) == 1 {
		chosen = u.Addresses[0].ID
	}
	if chosen == "" {
		return nil, nil
	}
	a, err := u.Address(chosen)
	if err != nil {
		return nil, err
	}
	return &a, nil
}
