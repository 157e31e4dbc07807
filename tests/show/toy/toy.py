"""An API that says whether its database and Keystone know it."""
import configparser
import http.server

import sqlalchemy
from keystoneauth1 import identity, session

conf = configparser.ConfigParser(interpolation=None)
conf.read('/etc/toy/toy.conf')


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = conf['DEFAULT']['greeting']
        if self.path != '/healthcheck':
            user = conf['keystone_authtoken']
            # Quotes, of which oslo.config would take off a pair.
            auth = identity.V3Password(user['auth_url'] + '/v3', username=user['username'], password=user['password'].strip('"'), user_domain_id='default',
                                       project_name=user['project_name'], project_domain_id='default')
            with sqlalchemy.create_engine(conf['database']['connection']).connect() as database:
                said += f", {database.exec_driver_sql('select database()').scalar()}, {auth.get_access(session.Session()).role_names}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode() + b'\n')


http.server.ThreadingHTTPServer((conf['DEFAULT']['bind_host'], 8800), Api).serve_forever()
