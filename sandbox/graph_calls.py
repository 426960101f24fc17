"""What a Graph path means, and who may call it: the mailbox, the relationships, a customer's tenant."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox import (
    graph_finding,
    graph_folders,
    graph_gdap,
    graph_gdap_calls,
    graph_licences,
    graph_mail,
    graph_tenants,
    graph_users,
)
from sandbox.core import World
from sandbox.graph_answers import Parameters, problem, refuse
from sandbox.graph_delta import messages_delta
from sandbox.graph_messages import find_message
from sandbox.graph_tokens import MAIL, SERVICE
from sandbox.rate import requests_within
from sandbox.world import SEED

LIMIT, WINDOW = "graph.mailbox_requests", timedelta(minutes=10)
_MAILBOX_PARTS = {"messages", "mailFolders", "sendMail"}
_FIND_TENANT = re.compile(r"findTenantInformationByDomainName\(domainName='([^']+)'\)")


class GraphCall:
    """One call below `/v1.0/`: whose token, for which tenant, and what the path means."""

    def __init__(self, world: World, request: Request, body: Any, tenant: str, holder: str) -> None:
        self.world = world
        self.request = request
        self.body = body
        self.tenant = tenant
        self.holder = holder
        self.verb = request.method
        self.parts = [p for p in request.path_params["path"].split("/") if p]

    def answer(self) -> Response:
        """The mailbox for the mail app, the relationships for the service account, a customer's tenant by GDAP."""
        if self.verb != "GET":
            Parameters(self.request, ())
        match self.parts:
            case ["users", mailbox, part, *rest] if part in _MAILBOX_PARTS:
                return self._mailbox(mailbox, part, rest)
            case ["tenantRelationships", *rest]:
                return self._relationships(rest)
            case _:
                return self._in_tenant()

    def _unknown(self) -> Response:
        self.world.mark_unknown()
        segment = self.parts[-1] if self.parts else ""
        return problem(404, f"Resource not found for the segment '{segment}'.", "ResourceNotFound")

    # the shared mailbox

    def _mailbox(self, mailbox: str, part: str, rest: list[str]) -> Response:
        if self.tenant != SEED.msp.tenant_id or self.holder != MAIL:
            return problem(403, "Access is denied. Check credentials and try again.", "ErrorAccessDenied")
        if mailbox.lower() != SEED.msp.mailbox:
            return problem(403, "Access to OData is disabled.", "ErrorAccessDenied")
        if requests_within(self.world, "graph.mailbox", WINDOW) > self.world.setting(LIMIT):
            answer = problem(429, "Application is over its MailboxConcurrency limit.", "ApplicationThrottled")
            answer.headers["Retry-After"] = "2.128"
            return answer
        match part:
            case "sendMail" if self.verb == "POST" and not rest:
                return graph_mail.send_mail(self.world, self.body)
            case "messages":
                return self._messages(rest)
            case "mailFolders":
                return self._folders(rest)
            case _:
                return self._unknown()

    def _messages(self, rest: list[str]) -> Response:
        world, request = self.world, self.request
        match (self.verb, *rest):
            case ("GET",):
                return graph_finding.list_messages(world, request, None)
            case ("POST",):
                return graph_mail.create_draft(world, request, graph_folders.well_known_id("drafts"), self.body)
            case (_, key, *more):
                return self._message(key, more)
            case _:
                return self._unknown()

    def _message(self, key: str, rest: list[str]) -> Response:
        world, request, body = self.world, self.request, self.body
        message = find_message(world, key)
        match (self.verb, *rest):
            case ("GET",):
                return graph_mail.show_message(message, request)
            case ("PATCH",):
                return graph_mail.change_message(world, request, message, body)
            case ("DELETE",):
                return graph_mail.delete_message(world, message)
            case ("GET", "$value"):
                return graph_mail.show_source(message)
            case ("POST", "send"):
                return graph_mail.send_draft(world, message, body)
            case ("POST", "move"):
                return graph_mail.move_message(world, request, message, body)
            case ("POST", "createReply"):
                return graph_mail.create_reply(world, request, message, body)
            case ("GET", "attachments"):
                return graph_mail.list_attachments(message)
            case ("POST", "attachments"):
                return graph_mail.add_attachment(world, message, body)
            case ("GET", "attachments", attachment):
                return graph_mail.show_attachment(message, attachment)
            case ("GET", "attachments", attachment, "$value"):
                return graph_mail.attachment_content(message, attachment)
            case _:
                return self._unknown()

    def _folders(self, rest: list[str]) -> Response:
        world, request, body = self.world, self.request, self.body
        root = graph_folders.well_known_id(graph_folders.ROOT)
        if not rest:
            if self.verb == "GET":
                return graph_folders.list_folders(world, request, root)
            if self.verb == "POST":
                return graph_folders.create_folder(world, root, body)
            return self._unknown()
        folder = graph_folders.find_folder(world, rest[0])
        match (self.verb, *rest[1:]):
            case ("GET",):
                return graph_folders.show_folder(world, request, folder)
            case ("PATCH",):
                return graph_folders.change_folder(world, folder, body)
            case ("POST", "move"):
                return graph_folders.move_folder(world, folder, body)
            case ("GET", "childFolders"):
                return graph_folders.list_folders(world, request, folder["id"])
            case ("POST", "childFolders"):
                return graph_folders.create_folder(world, folder["id"], body)
            case ("GET", "messages"):
                return graph_finding.list_messages(world, request, folder["id"])
            case ("POST", "messages"):
                return graph_mail.create_draft(world, request, folder["id"], body)
            case ("GET", "messages", "delta"):
                return messages_delta(world, request, folder["id"])
            case (_, "messages", key, *more):
                return self._message(key, more)
            case _:
                return self._unknown()

    # the partner's tenant

    def _relationships(self, rest: list[str]) -> Response:
        if self.tenant != SEED.msp.tenant_id:
            return problem(403, "Insufficient privileges to complete the operation.")
        found = _FIND_TENANT.fullmatch("/".join(rest))
        if found and self.verb == "GET":
            return graph_tenants.tenant_information(self.world, found[1])
        if not rest or rest[0] != "delegatedAdminRelationships":
            return self._unknown()
        if self.holder != SERVICE:
            return problem(403, "Application permissions are not supported here.", "Forbidden")
        if len(rest) > 1:
            return self._relationship(rest[1], rest[2:])
        if self.verb == "GET":
            return graph_gdap_calls.list_relationships(self.world, self.request)
        if self.verb == "POST":
            return graph_gdap_calls.create_relationship(self.world, self.request, self.body)
        return self._unknown()

    def _relationship(self, key: str, rest: list[str]) -> Response:
        world, request, body = self.world, self.request, self.body
        record = graph_gdap.find_relationship(world, key)
        match (self.verb, *rest):
            case ("GET",):
                Parameters(request, ())
                return graph_gdap_calls.show_relationship(record)
            case ("PATCH",):
                return graph_gdap_calls.change_relationship(world, request, record, body)
            case ("DELETE",):
                return graph_gdap_calls.delete_relationship(world, request, record)
            case ("POST", "requests"):
                return graph_gdap_calls.make_request(world, request, record, body)
            case ("GET", "requests", *keys) if len(keys) < 2:
                return graph_gdap_calls.show_requests(world, record, keys[0] if keys else None)
            case ("POST", "accessAssignments"):
                return graph_gdap_calls.create_assignment(world, record, body)
            case ("GET", "accessAssignments", *keys) if len(keys) < 2:
                return graph_gdap_calls.show_assignments(world, record, keys[0] if keys else None)
            case _:
                return self._unknown()

    # a customer's tenant

    def _allowed(self, *roles: str) -> None:
        """A 403 unless our group holds one of the roles in this tenant, by an active relationship, right now."""
        if self.holder != SERVICE or self.tenant == SEED.msp.tenant_id:
            raise refuse(403, "Insufficient privileges to complete the operation.")
        held = graph_gdap.active_roles(self.world, self.tenant)
        if not held or not held & set(roles):
            raise refuse(403, "Insufficient privileges to complete the operation.")

    def _in_tenant(self) -> Response:
        world, request, body, tenant = self.world, self.request, self.body, self.tenant
        any_role = (
            *graph_tenants.READERS,
            graph_tenants.LICENCE_ADMINISTRATOR,
            graph_tenants.USER_ADMINISTRATOR,
        )
        read: dict[tuple[str, ...], Callable[[], Response]] = {
            ("subscribedSkus",): lambda: graph_licences.subscribed_skus(world, request, tenant),
            ("directory", "subscriptions"): lambda: graph_licences.directory_subscriptions(world, request, tenant),
            ("domains",): lambda: graph_tenants.list_domains(world, tenant),
            ("users",): lambda: graph_users.list_users(world, request, tenant),
        }
        known = read.get(tuple(self.parts))
        if known is not None and self.verb == "GET":
            self._allowed(*any_role)
            return known()
        match (self.verb, *self.parts):
            case ("POST", "users"):
                self._allowed(graph_tenants.USER_ADMINISTRATOR)
                return graph_users.create_user(world, tenant, body)
            case (_, "users", key, *rest):
                return self._user(key, rest, any_role)
            case ("POST", "domains"):
                self._allowed(graph_tenants.DOMAIN_ADMINISTRATOR)
                return graph_tenants.add_domain(world, tenant, body)
            case ("GET", "domains", name):
                self._allowed(*any_role)
                return graph_tenants.show_domain(world, tenant, name)
            case ("GET", "domains", name, "verificationDnsRecords"):
                self._allowed(*any_role, graph_tenants.DOMAIN_ADMINISTRATOR)
                return graph_tenants.verification_records(world, tenant, name)
            case ("POST", "domains", name, "verify"):
                self._allowed(graph_tenants.DOMAIN_ADMINISTRATOR)
                return graph_tenants.verify_domain(world, tenant, name)
            case _:
                return self._unknown()

    def _user(self, key: str, rest: list[str], any_role: tuple[str, ...]) -> Response:
        world, request, body, tenant = self.world, self.request, self.body, self.tenant
        match (self.verb, *rest):
            case ("GET",):
                self._allowed(*any_role)
                return graph_users.show_user(request, graph_users.find_user(world, tenant, key))
            case ("PATCH",):
                self._allowed(graph_tenants.USER_ADMINISTRATOR)
                user = graph_users.find_user(world, tenant, key)
                return graph_users.change_user(world, tenant, user, body)
            case ("POST", "assignLicense"):
                self._allowed(graph_tenants.LICENCE_ADMINISTRATOR, graph_tenants.USER_ADMINISTRATOR)
                user = graph_users.find_user(world, tenant, key)
                return graph_users.assign_licence(world, tenant, user, body)
            case ("GET", "licenseDetails"):
                self._allowed(*any_role)
                user = graph_users.find_user(world, tenant, key)
                return graph_users.licence_details(world, tenant, user)
            case ("GET", "authentication", "softwareOathMethods"):
                self._allowed(graph_tenants.AUTHENTICATION_ADMINISTRATOR)
                return graph_users.software_tokens(graph_users.find_user(world, tenant, key))
            case _:
                return self._unknown()
