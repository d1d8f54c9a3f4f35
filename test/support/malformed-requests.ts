const host = 'Host: a.example\r\n';

/** Requests on whose meaning two readers could differ, or that no reader should accept. */
export const malformedRequests: Readonly<Record<string, string>> = {
  'two Content-Length that differ': `PUT /x HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`,
  'two Content-Length that agree': `PUT /x HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'Content-Length with Transfer-Encoding': `PUT /x HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Transfer-Encoding before Content-Length': `PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Transfer-Encoding: gzip, chunked': `PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Transfer-Encoding: xchunked': `PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Transfer-Encoding twice': `PUT /x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Content-Length: +3': `PUT /x HTTP/1.1\r\n${host}Content-Length: +3\r\n\r\nabc`,
  'Content-Length: 3, 3': `PUT /x HTTP/1.1\r\n${host}Content-Length: 3, 3\r\n\r\nabc`,
  'Content-Length: 0x3': `PUT /x HTTP/1.1\r\n${host}Content-Length: 0x3\r\n\r\nabc`,
  'Content-Length without a number': `PUT /x HTTP/1.1\r\n${host}Content-Length: \r\n\r\n`,
  'Content-Length beyond 64 bits': `PUT /x HTTP/1.1\r\n${host}Content-Length: 99999999999999999999999\r\n\r\nabc`,
  'lines that end in LF': 'GET /x HTTP/1.1\nHost: a.example\n\n',
  'a header line that ends in LF': `GET /x HTTP/1.1\r\nX-A: 1\n${host}\r\n`,
  'a CR within a value': `GET /x HTTP/1.1\r\nX-A: 1\rX-B: 2\r\n${host}\r\n`,
  'a NUL within a value': `GET /x HTTP/1.1\r\nX-A: 1\x002\r\n${host}\r\n`,
  'a folded line': `GET /x HTTP/1.1\r\n${host}X-A: 1\r\n  2\r\n\r\n`,
  'a blank before the colon': `PUT /x HTTP/1.1\r\n${host}Content-Length : 3\r\n\r\nabc`,
  'no Host': 'GET /x HTTP/1.1\r\nX-A: 1\r\n\r\n',
  'two Hosts': `GET /x HTTP/1.1\r\n${host}Host: b.example\r\n\r\n`,
  'no HTTP at all': 'hello\r\n\r\n',
};
