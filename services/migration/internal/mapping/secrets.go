package mapping

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"tienda/services/migration/internal/source"
)

// What columns of secrets are called. Only a drop may name such a column; one of a
// password may stand as the hash of the operation password, too.
var (
	cardName     = regexp.MustCompile(`(?i)^(cc|pan|cvv2?|cvc2?|cid|csc|iban_pin|.*(credit_?card|debit_?card|card_?(num|no$|nr|code|pan|cvv|cvc|security)|cc_?(num|no$|nr)|cvv|cvc).*)$`)
	cardTypeName = regexp.MustCompile(`(?i)(type|brand|expir|last_?(4|four)|holder)`)
	plainName    = regexp.MustCompile(`(?i)^(.*_)?(password|passwd|pwd|passphrase|plain_?pass(word)?|password_?(plain|clear)|secret|pin)$`)
)

// SecretName says why a column of a name may not be read; "": it may.
func SecretName(column string) string {
	if cardName.MatchString(column) && !cardTypeName.MatchString(column) {
		return "by its name it holds card numbers or their codes"
	}
	if plainName.MatchString(column) {
		return "by its name it holds passwords"
	}
	return ""
}

// secrets refuses every reading of a secret.
func (c *checker) secrets() {
	hashes := map[string]bool{}
	for _, k := range c.m.kinds {
		for _, u := range k.document.uses {
			if u.as == asHash {
				hashes[u.name()] = true
			}
		}
	}
	for table, columns := range c.used {
		for name, line := range columns {
			why := SecretName(name)
			hash := hashes[table+"."+name] && plainName.MatchString(name)
			if why != "" && !hash {
				c.add(line, "%s.%s: can only be dropped: %s", table, name, why)
			}
		}
	}
}

// Sample reads some rows of a table, the columns that are named.
type Sample func(ctx context.Context, table string, columns []string) ([]source.Row, error)

// CheckValues looks at values of all columns that are read, for card numbers under
// harmless names. It gives nil, a Problems, or why it could not look.
func (m *Mapping) CheckValues(ctx context.Context, sample Sample) error {
	c := &checker{m: m, used: map[string]map[string]int{}}
	for _, k := range m.kinds {
		for _, one := range append([]*child{k.root}, k.children...) {
			rows, err := sample(ctx, one.table, one.columnNames())
			if err != nil {
				return fmt.Errorf("sample of %s: %w", one.table, err)
			}
			for _, column := range one.columnNames() {
				if cards(rows, column) {
					c.add(one.columns[column], "%s.%s: can only be dropped: its values are card numbers", one.table, column)
				}
			}
		}
	}
	if found := c.sorted(); len(found) > 0 {
		return found
	}
	return nil
}

// cards says whether most values of a column are numbers of cards. One in ten
// numbers passes the check digit by chance.
func cards(rows []source.Row, column string) bool {
	var all, found int
	for _, row := range rows {
		v := row[column]
		if v == nil {
			continue
		}
		t, err := text(v)
		if err != nil || strings.TrimSpace(t) == "" {
			continue
		}
		all++
		if isCard(t) {
			found++
		}
	}
	return found > 0 && found*2 > all
}

// unspaced takes out what people put between the digits of a number.
var unspaced = strings.NewReplacer(" ", "", "-", "")

var cardText = regexp.MustCompile(`^[3-6][0-9]{12,18}$`)

// isCard says whether a text is a card number: its issuer's first digit, its length
// and its check digit after Luhn (ISO/IEC 7812).
func isCard(t string) bool {
	t = unspaced.Replace(strings.TrimSpace(t))
	if !cardText.MatchString(t) {
		return false
	}
	total := 0
	for i := range len(t) {
		d := int(t[len(t)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		total += d
	}
	return total%10 == 0
}
