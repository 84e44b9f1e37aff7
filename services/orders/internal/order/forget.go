package order

// forgotten stands where the law wants nothing kept and the contract a text.
const forgotten = "deleted"

// Forget takes out of an order what identifies its buyer, whose account was
// deleted, and no law wants kept: e-mail, note and phone number. Name and
// address stay, as they are on the invoice, unless the order was cancelled and
// there is none. An order that is under way needs them until it is over.
func (o *Order) Forget() {
	if o.Forgotten {
		return
	}
	o.Forgotten, o.changed = true, true
	o.strip()
}

// strip is called when an order is over.
func (o *Order) strip() {
	if !o.Forgotten || o.Status != Delivered && o.Status != Cancelled {
		return
	}
	o.Email, o.Note, o.Address.Phone = "", "", ""
	if o.Status == Cancelled && o.Address != (Address{}) {
		o.Address = Address{Name: forgotten, Line1: forgotten, City: forgotten, PostalCode: forgotten, Country: o.Address.Country}
	}
}
