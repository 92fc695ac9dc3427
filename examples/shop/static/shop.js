// Shows what other tabs and devices put into the cart, and leaves a page whose session has ended.
const events = new EventSource('/events');
const count = document.getElementById('count');
events.addEventListener('cart', e => { if (count) count.textContent = `(${e.data})`; });
events.addEventListener('end', () => { events.close(); location.assign('/'); });
