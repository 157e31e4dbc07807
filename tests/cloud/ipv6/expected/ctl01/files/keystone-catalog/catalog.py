"""Makes Keystone's catalogue and the users that services sign in with be what catalog.json says. Repeating it changes nothing.

What it makes has a description in Keystone that says so, and of which cloud. What has this one and is described no more it removes, and prints that; nothing else
is ever removed. What was there before is changed as described, and stays. All is asked by one process: to start `openstack` for each question takes longer.
"""
import json

import openstack
from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions.http import Unauthorized
from keystoneauth1.identity import v3

with open('/etc/kolla-task/catalog.json') as file:
    wanted = json.load(file)
region = wanted['region']
# Of all fields only this one can be set in each release, for endpoints too.
mark = {'description': f'Made by kolla-lang for the cloud {wanted["cloud"]}'}
session = openstack.connect().session
# Not by the catalogue, which may still say where Keystone was.
api = Adapter(session, endpoint_override=session.auth.auth_url, connect_retries=10)


def listed(kind, **query):
    return api.get('/' + kind, params=query).json()[kind]


def create(kind, **fields):
    return api.post('/' + kind, json={kind[:-1]: fields}).json()[kind[:-1]]


def change(kind, it, **fields):
    """Sets what differs, and returns the thing as it is then."""
    fields = {name: value for name, value in fields.items() if it.get(name) != value}
    return api.patch(f'/{kind}/{it["id"]}', json={kind[:-1]: fields}).json()[kind[:-1]] if fields else it


def remove(kind, it, name):
    api.delete(f'/{kind}/{it["id"]}')
    print(f'removed: {name}')


def is_own(it):
    return it.get('description') == mark['description']


def adopted(it):
    """The mark, for what `keystone-manage bootstrap` makes: that has no description."""
    return {} if it.get('description') else mark


def own_first(them):
    return min(them, key=lambda it: not is_own(it), default=None)


def name_of(endpoint, service):
    return f'the {endpoint["interface"]} endpoint of {service} in {endpoint["region_id"]}, {endpoint["url"]}'


regions = {it['id']: it for it in listed('regions')}
if region in regions:
    change('regions', regions[region], **adopted(regions[region]))
else:
    regions[region] = create('regions', id=region, **mark)

services, endpoints, kept = listed('services'), listed('endpoints'), set()
names = {it['id']: it.get('name') or it['id'] for it in services}
for described in wanted['services']:
    name, kind = described['name'], described['kind']
    is_keystone = kind == 'identity'
    service = own_first([it for it in services if it.get('name') == name])
    if service is None:
        service = create('services', name=name, type=kind, **mark)
        print(f'made: the service {name}')
    else:
        if service['type'] != kind:
            print(f'changed: the service {name} of the type {service["type"]} is of the type {kind}')
        service = change('services', service, type=kind, **adopted(service) if is_keystone else {})
    kept.add(service['id'])
    names[service['id']] = name
    for interface, url in described['urls'].items():
        its = [it for it in endpoints if it['service_id'] == service['id'] and it['interface'] == interface]
        endpoint = own_first([it for it in its if it['region_id'] == region]) or own_first([it for it in its if is_own(it)])
        if endpoint is None:
            endpoint = create('endpoints', service_id=service['id'], interface=interface, region_id=region, url=url, **mark)
            print(f'made: {name_of(endpoint, name)}')
        else:
            if (endpoint['region_id'], endpoint['url']) != (region, url):
                print(f'changed: {name_of(endpoint, name)}, is {url} in {region}')
            endpoint = change('endpoints', endpoint, region_id=region, url=url, **adopted(endpoint) if is_keystone else {})
        kept.add(endpoint['id'])

for endpoint in endpoints:
    if endpoint['id'] not in kept and is_own(endpoint):
        remove('endpoints', endpoint, name_of(endpoint, names.get(endpoint['service_id'])))
endpoints = listed('endpoints')
for service in services:
    if service['id'] not in kept and is_own(service):
        # With a service Keystone removes its endpoints.
        n_others = sum(it['service_id'] == service['id'] for it in endpoints)
        if n_others:
            print(f'stays: the service {names[service["id"]]}, which has endpoints of others, {n_others}')
        else:
            remove('services', service, f'the service {names[service["id"]]}')
for it in regions.values():
    is_used = any(e['region_id'] == it['id'] for e in endpoints) or any(r['parent_region_id'] == it['id'] for r in regions.values())
    if it['id'] != region and is_own(it) and not is_used:
        remove('regions', it, f'the region {it["id"]}')


def signs_in(user):
    auth = v3.Password(session.auth.auth_url, username=user['name'], password=user['password'], user_domain_id='default', unscoped=True)
    try:
        return bool(auth.get_access(session))
    except Unauthorized:
        return False


users = {it['name']: it for it in listed('users', domain_id='default')}
if wanted['users']:
    project = next(iter(listed('projects', name='service', domain_id='default')), None) or create('projects', name='service', domain_id='default')
    roles = {it['name']: it['id'] for it in listed('roles')}
for user in wanted['users']:
    name = user['name']
    for role in user['roles'] + user['made']:
        if role not in roles:
            roles[role] = create('roles', name=role)['id']
    if name not in users:
        users[name] = create('users', name=name, password=user['password'], domain_id='default', **mark)
        print(f'made: the user {name}')
    elif not signs_in(user):
        # Who is given a password anew loses his tokens, so one that works stays.
        change('users', users[name], password=user['password'])
        print(f'changed: the password of the user {name}')
    for role in user['roles']:
        api.put(f'/projects/{project["id"]}/users/{users[name]["id"]}/roles/{roles[role]}')
described = {user['name'] for user in wanted['users']}
for name, it in users.items():
    if name not in described and is_own(it):
        remove('users', it, f'the user {name}')
