// Package cloakroom keeps the sessions of web applications on the server, in whichever store the
// team already runs. The browser holds a ticket, one cookie; the server keeps the coat.
package cloakroom
