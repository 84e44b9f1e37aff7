package shop

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/crypto/bcrypt"

	"tienda/internal/fault"
)

// SQLSTATEs.
const (
	duplicate  = "23505" // unique_violation
	referenced = "23503" // foreign_key_violation
)

var email = regexp.MustCompile(`^[^@\s]{1,64}@[^@\s]{1,180}$`)

// NewCustomer is the body of POST /legacy/customers; the answer is {"id": 77}. The e-mail
// is compared as it is typed: the same one in capitals is another customer.
type NewCustomer struct {
	Email    string `json:"email"`
	FullName string `json:"full_name"`
	Password string `json:"password"` // plain, at most 72 bytes
	Lang     string `json:"lang,omitempty"`
}

// Address is where something is sent.
type Address struct {
	Recipient string `json:"recipient"`
	Street    string `json:"street"`
	Street2   string `json:"street2,omitempty"`
	City      string `json:"city"`
	Region    string `json:"region,omitempty"`
	Zip       string `json:"zip"`
	Country   string `json:"country"` // ISO 3166, two letters
	Phone     string `json:"phone,omitempty"`
}

func (a Address) check(at string) error {
	for _, f := range []struct {
		name, value string
		most        int
		needed      bool
	}{
		{"recipient", a.Recipient, 100, true}, {"street", a.Street, 200, true}, {"street2", a.Street2, 200, false}, {"city", a.City, 100, true},
		{"region", a.Region, 100, false}, {"zip", a.Zip, 20, true}, {"country", a.Country, 2, true}, {"phone", a.Phone, 40, false},
	} {
		if len(f.value) > f.most || f.needed && f.value == "" {
			return fault.BadField(at+"/"+f.name, fmt.Sprintf("is missing or longer than %d bytes", f.most))
		}
	}
	return nil
}

type created struct {
	ID int64 `json:"id"`
}

func (s *shop) register(w http.ResponseWriter, r *http.Request) error {
	var in NewCustomer
	if err := read(r, &in); err != nil {
		return err
	}
	switch {
	case !email.MatchString(in.Email):
		return fault.BadField("/email", "is none")
	case in.FullName == "" || len(in.FullName) > 100:
		return fault.BadField("/full_name", "is missing or longer than 100 bytes")
	case in.Password == "" || len(in.Password) > 72:
		return fault.BadField("/password", "is missing or longer than 72 bytes")
	case in.Lang != "" && in.Lang != "es" && in.Lang != "en":
		return fault.BadField("/lang", "is not es or en")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(in.Password), bcrypt.MinCost)
	if err != nil {
		return fmt.Errorf("password: %w", err)
	}
	var out created
	err = s.transact(r.Context(), func(tx pgx.Tx) error {
		err := tx.QueryRow(r.Context(), "INSERT INTO customers (email, full_name, pass_format, pass_hash) VALUES ($1, $2, 'bcrypt', $3) RETURNING id",
			in.Email, in.FullName, string(hash)).Scan(&out.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(r.Context(), "INSERT INTO customer_preferences (customer_id, lang) VALUES ($1, coalesce(nullif($2, ''), 'es'))", out.ID, in.Lang)
		return err
	})
	if is(err, duplicate) {
		return fault.New(fault.Conflict, "email_taken", "Somebody is registered with that e-mail.")
	}
	if err != nil {
		return fmt.Errorf("customer: %w", err)
	}
	return send(w, http.StatusCreated, out)
}

// changeAddress sets the default address, or makes it.
func (s *shop) changeAddress(w http.ResponseWriter, r *http.Request) error {
	customer, err := id(r)
	if err != nil {
		return err
	}
	var a Address
	if err := read(r, &a); err != nil {
		return err
	}
	if err := a.check(""); err != nil {
		return err
	}
	var out created
	err = s.transact(r.Context(), func(tx pgx.Tx) error {
		var one int
		if err := tx.QueryRow(r.Context(), "SELECT 1 FROM customers WHERE id = $1 FOR UPDATE", customer).Scan(&one); err != nil {
			return missing(err, "customer")
		}
		err := tx.QueryRow(r.Context(), "SELECT id FROM addresses WHERE customer_id = $1 ORDER BY is_default DESC, id LIMIT 1", customer).Scan(&out.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(r.Context(), "INSERT INTO addresses (customer_id, recipient, street, city, zip) VALUES ($1, '', '', '', '') RETURNING id", customer).Scan(&out.ID)
		}
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		_, err = tx.Exec(r.Context(), `UPDATE addresses SET is_default = true, recipient = $2, street = $3, street2 = nullif($4, ''), city = $5,
			region = nullif($6, ''), zip = $7, country = upper($8), phone = nullif($9, '') WHERE id = $1`,
			out.ID, a.Recipient, a.Street, a.Street2, a.City, a.Region, a.Zip, a.Country, a.Phone)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, out)
}

// is says whether the database refused with a code.
func is(err error, code string) bool {
	refused := new(pgconn.PgError)
	return errors.As(err, &refused) && refused.Code == code
}
