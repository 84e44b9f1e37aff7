package account

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newUser(t *testing.T) User {
	t.Helper()
	u, err := New("ana@example.com", "Ana", "hash", noon)
	require.NoError(t, err)
	u.changes, u.events = nil, nil
	return u
}

func home() Address {
	return Address{Name: "Ana", Line1: "Calle Mayor 12", City: "Madrid", PostalCode: "28013", Country: "ES"}
}

// fieldOf gives the one field that an error names.
func fieldOf(t *testing.T, err error) string {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Fields, 1)
	return f.Fields[0].Name
}

func TestNormalEmail(t *testing.T) {
	tests := []struct{ in, want string }{
		{"ana@example.com", "ana@example.com"},
		{"  Ana@Example.COM\t", "ana@example.com"},
		{"a.b+c@sub.example.co", "a.b+c@sub.example.co"},
		{"Ana <ana@example.com>", ""},
		{"ana@", ""},
		{"@example.com", ""},
		{"ana example@example.com", ""},
		{"ana@example.com, bob@example.com", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := NormalEmail(tt.in)
			require.Equal(t, tt.want, got)
			if tt.want == "" {
				require.Equal(t, fault.Unprocessable, fault.KindOf(err))
				require.Equal(t, "/email", fieldOf(t, err))
			}
		})
	}
}

func TestNewUserIsACustomer(t *testing.T) {
	u, err := New(" ANA@example.com", "  Ana ", "hash", noon)
	require.NoError(t, err)
	require.Equal(t, []caller.Role{caller.Customer}, u.Roles)
	require.Equal(t, "Ana", u.Name)
	require.Equal(t, "ana@example.com", u.Email)
	require.False(t, u.Preferences.MarketingMail)
	require.Equal(t, []Change{Registered}, u.Changes())
	_, err = New("ana@example.com", "   ", "hash", noon)
	require.Equal(t, "/name", fieldOf(t, err))
}

func TestRoles(t *testing.T) {
	u := newUser(t)
	require.NoError(t, u.SetRoles([]caller.Role{caller.Admin, caller.SupportAgent}, false))
	require.Equal(t, []caller.Role{caller.Customer, caller.SupportAgent, caller.Admin}, u.Roles)
	require.Equal(t, []Change{RolesChanged}, u.Changes())

	u.changes = nil
	require.NoError(t, u.SetRoles([]caller.Role{caller.Admin, caller.SupportAgent}, false))
	require.Empty(t, u.Changes(), "the same roles again are no change")
	require.NoError(t, u.SetRoles(nil, true))
	require.Equal(t, []caller.Role{caller.Customer}, u.Roles)
}

func TestPreferences(t *testing.T) {
	good := Preferences{Currency: "USD", Language: "es", MarketingMail: true}
	tests := []struct {
		name  string
		spoil func(*Preferences)
		field string
	}{
		{"good", func(*Preferences) {}, ""},
		{"language and region", func(p *Preferences) { p.Language = "pt-BR" }, ""},
		{"no such currency", func(p *Preferences) { p.Currency = "QQQ" }, "/currency"},
		{"no such language", func(p *Preferences) { p.Language = "qq-QQ" }, "/language"},
		{"someone else's address", func(p *Preferences) { p.DefaultAddressID = uuid.NewString() }, "/default_address_id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUser(t)
			p := good
			tt.spoil(&p)
			err := u.SetPreferences(p, noon)
			if tt.field == "" {
				require.NoError(t, err)
				p.MarketingMailAt = noon
				require.Equal(t, p, u.Preferences)
				return
			}
			require.Equal(t, tt.field, fieldOf(t, err))
			require.Equal(t, DefaultPreferences(), u.Preferences)
			require.Empty(t, u.Changes())
		})
	}
}

func TestAddresses(t *testing.T) {
	u := newUser(t)
	first, err := u.AddAddress(home())
	require.NoError(t, err)
	second, err := u.AddAddress(home())
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)

	moved := second
	moved.Line1 = "Gran Vía 1"
	require.NoError(t, u.ChangeAddress(moved))
	got, err := u.Address(second.ID)
	require.NoError(t, err)
	require.Equal(t, moved, got)

	for _, country := range []string{"QX", "es", "EU", "", "ESP"} {
		bad := home()
		bad.Country = country
		_, err := u.AddAddress(bad)
		require.Equal(t, "/country", fieldOf(t, err), country)
	}
	require.Equal(t, fault.NotFound, fault.KindOf(u.RemoveAddress(uuid.NewString())))
	require.Equal(t, fault.NotFound, fault.KindOf(u.ChangeAddress(home())))

	require.NoError(t, u.SetPreferences(Preferences{Currency: "EUR", Language: "es", DefaultAddressID: first.ID}, noon))
	require.NoError(t, u.RemoveAddress(first.ID))
	require.Empty(t, u.Preferences.DefaultAddressID, "a default that is gone is none")
	require.Len(t, u.Addresses, 1)

	for len(u.Addresses) < MaxAddresses {
		_, err := u.AddAddress(home())
		require.NoError(t, err)
	}
	_, err = u.AddAddress(home())
	require.ErrorIs(t, err, ErrFull)
}

func TestDeliveryAddress(t *testing.T) {
	u := newUser(t)
	to, err := u.DeliveryAddress("")
	require.NoError(t, err)
	require.Nil(t, to, "no address")

	first, _ := u.AddAddress(home())
	to, err = u.DeliveryAddress("")
	require.NoError(t, err)
	require.Equal(t, first.ID, to.ID, "the only one")

	second, _ := u.AddAddress(home())
	to, err = u.DeliveryAddress("")
	require.NoError(t, err)
	require.Nil(t, to, "two, and none is the default")

	require.NoError(t, u.SetPreferences(Preferences{Currency: "EUR", Language: "es", DefaultAddressID: second.ID}, noon))
	to, err = u.DeliveryAddress("")
	require.NoError(t, err)
	require.Equal(t, second.ID, to.ID, "the default")
	to, err = u.DeliveryAddress(first.ID)
	require.NoError(t, err)
	require.Equal(t, first.ID, to.ID, "the chosen one")
	_, err = u.DeliveryAddress(uuid.NewString())
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
