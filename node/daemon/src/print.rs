//! What the commands print of a running node.

use crate::invitation::{Invitation, Reach};
use crate::shapes::{Allowed, BackupList, Circle, HomeStatus, MailBook, MailStatus, Status};
use crate::text::{Language, Problem, Say, print, print_problem};

pub(crate) fn status(status: &Status, language: Language) {
    let row =
        |ru: &str, en: &str, value: &str| print(format!("{:<12}{value}", language.of(ru, en)));
    row(
        "Узел",
        "Node",
        &format!(
            "{} ({} {})",
            status.name,
            language.of("версия", "version"),
            status.version
        ),
    );
    row("Номер", "Id", &status.node_id);
    row("Отпечаток", "Fingerprint", &status.fingerprint);
    let health = if status.healthy {
        language.of("работает", "running")
    } else {
        language.of(
            "работает, но не может записывать (chater doctor)",
            "running, but cannot store (chater doctor)",
        )
    };
    row(
        "Состояние",
        "State",
        &format!(
            "{health}, {} {}",
            language.of("процесс", "process"),
            status.pid
        ),
    );
    row("Страницы", "Pages", &status.web.join(" "));
    for address in &status.addresses {
        row("Адрес", "Address", address);
    }
    row("Людей", "People", &status.users.to_string());
    let linked = status
        .peers
        .iter()
        .filter(|peer| peer.state == "connected")
        .count();
    row(
        "Узлы",
        "Nodes",
        &format!("{linked} / {}", status.peers.len()),
    );
    if let Some(mail) = &status.mail {
        row("Почта", "Mail", &mail_text(mail, language));
    }
}

/// Who keeps this node's mail, and whose it keeps, on one line.
fn mail_text(mail: &MailStatus, language: Language) -> String {
    let kept = if mail.mailboxes.is_empty() {
        language.of("ящиков нет", "no mailboxes").to_owned()
    } else {
        let names = mail.mailboxes.join(", ");
        format!("{} {names}", language.of("хранят", "kept by"))
    };
    let keeps = if mail.keeps {
        format!(
            "{} {} ({} KiB)",
            language.of("храню узлов:", "nodes I keep for:"),
            mail.kept_for,
            mail.kept_bytes.div_ceil(1024)
        )
    } else {
        language.of("чужую не храню", "keeps none").to_owned()
    };
    format!("{kept}; {keeps}")
}

pub(crate) fn peers(status: &Status, language: Language) {
    if status.peers.is_empty() && status.dialling.is_empty() {
        print(language.of(
            "Других узлов пока нет. Позвать: chater invite",
            "No other nodes yet. To invite one: chater invite",
        ));
    }
    for peer in &status.peers {
        let state = match peer.state.as_str() {
            "connected" => language.of("на связи", "connected"),
            "connecting" => language.of("соединяется", "connecting"),
            "waiting" => language.of("ждёт согласия владельца", "waits for its owner"),
            _ => language.of("не в сети", "away"),
        };
        let time = peer.rtt_ms.map_or_else(String::new, |ms| {
            format!("  {ms} {}", language.of("мс", "ms"))
        });
        let waiting = match peer.waiting {
            0 => String::new(),
            many => format!("  {}: {many}", language.of("ждут отправки", "waiting")),
        };
        let place = peer.addresses.first().map_or("", String::as_str);
        let way = peer.relay.as_ref().map_or_else(String::new, |relay| {
            format!("  {} {relay}", language.of("через узел", "through"))
        });
        print(format!(
            "{}  {state}{way}{time}{waiting}  {place}",
            peer.name
        ));
    }
    for (address, error) in &status.dialling {
        print(format!("{address}  {}", error.as_deref().unwrap_or("…")));
    }
}

pub(crate) fn invitation(status: &Status, language: Language) -> Result<(), Problem> {
    let node = chater_protocol::id::NodeId::from_peer_id(&status.node_id)
        .map_err(|_| Problem::Control(status.node_id.clone()))?;
    let invitation = Invitation::new(node, &status.addresses);
    if invitation.addresses.is_empty() {
        return Err(Problem::Other(
            language
                .of(
                    "у узла нет адресов, проверьте сеть",
                    "the node has no addresses, check the network",
                )
                .into(),
        ));
    }
    print(invitation.link());
    reach(status, language);
    Ok(())
}

/// Says how far the addresses of this node lead.
pub(crate) fn reach(status: &Status, language: Language) {
    let Ok(node) = chater_protocol::id::NodeId::from_peer_id(&status.node_id) else {
        return;
    };
    match Invitation::new(node, &status.addresses).reach() {
        Some(Reach::ThisComputer) => print_problem(language.of(
            "Работает только на этом компьютере.",
            "Works on this computer only.",
        )),
        Some(Reach::LocalNetwork) => print_problem(language.of(
            "Работает только в вашей сети.",
            "Works in your network only.",
        )),
        None => {}
    }
}

/// Nodes that wait for the owner, and those that are blocked.
pub(crate) fn decisions(circle: &Circle, language: Language) {
    for (name, _, fingerprint, place) in &circle.waiting {
        print(format!(
            "{name}  {}  {fingerprint}  {place}",
            language.of(
                "просит связать (chater peers link)",
                "asks to be linked (chater peers link)"
            )
        ));
    }
    for (name, id, lists) in &circle.blocked {
        let name = if name.is_empty() { id } else { name };
        let by = if lists.is_empty() {
            String::new()
        } else {
            format!(
                "  ({}: {})",
                language.of("список", "list"),
                lists.join(", ")
            )
        };
        print(format!(
            "{name}  {}{by}",
            language.of("заблокирован", "blocked")
        ));
    }
}

pub(crate) fn allowed(list: &Allowed, language: Language) {
    print(if list.only {
        language.of("Только узлы из списка: включено", "Only listed nodes: on")
    } else {
        language.of("Только узлы из списка: выключено", "Only listed nodes: off")
    });
    for (name, id, linked) in &list.nodes {
        let state = match linked {
            true => language.of("на связи", "connected"),
            false => language.of("не в сети", "away"),
        };
        print(format!("{name}  {state}  {id}"));
    }
    for name in &list.mailboxes {
        print_problem(format!(
            "{} {name}",
            language.of(
                "Ваш ящик не в списке, почта оттуда не приходит:",
                "Your mailbox is not listed, no mail comes from there:"
            )
        ));
    }
}

pub(crate) fn home(home: &HomeStatus, wanted: Option<bool>, language: Language) {
    print(if home.on {
        language.of("Домашняя сеть: включена", "Home network: on")
    } else {
        language.of("Домашняя сеть: выключена", "Home network: off")
    });
    if home.fixed && wanted.is_some_and(|on| on != home.on) {
        set_at_start(
            language.of("home_network или web_addr", "home_network or web_addr"),
            language,
        );
    }
    for url in &home.urls {
        print(url);
    }
    for (address, why) in &home.faults {
        print_problem(format!("{address}: {why}"));
    }
    if home.on && home.urls.is_empty() && home.faults.is_empty() {
        print(language.of(
            "У этого компьютера сейчас нет адреса в домашней сети.",
            "This computer has no address in a home network now.",
        ));
    }
    if home.on {
        print(language.of(
            "Без шифрования (HTTP): кто подключён к этой сети, может подслушать.",
            "Without encryption (HTTP): whoever is on that network can overhear.",
        ));
    }
    if let Some(code) = home.set_up_code.as_ref().filter(|_| home.on) {
        print(Say::SetUpCode(code.clone()).sentence(language));
    }
}

/// What was asked for is not done: the setting is not the owner's to change here (Q11).
pub(crate) fn set_at_start(key: &str, language: Language) {
    let (ru, en) = ("Это задано при запуске узла", "That is set at the start");
    let (ru_do, en_do) = (
        "измените там и запустите снова.",
        "change it there and start again.",
    );
    print_problem(format!(
        "{} ({key}): {}",
        language.of(ru, en),
        language.of(ru_do, en_do)
    ));
}

pub(crate) fn registration(policy: &str, language: Language) {
    let who = match policy {
        "open" => language.of("все, кто видит узел", "everyone who sees the node"),
        "invite" => language.of("по приглашению", "by invitation"),
        _ => language.of("никто", "nobody"),
    };
    let may = language.of("Кто может зарегистрироваться:", "Who may sign up:");
    print(format!("{may} {who}  ({policy})"));
}

pub(crate) fn pictures(days: u16, language: Language) {
    let kept = language.of("Хранить чужие картинки:", "Keep pictures of others:");
    print(match days {
        0 => format!("{kept} {}", language.of("всегда", "for good")),
        days => format!("{kept} {days} {}", language.of("дн.", "days")),
    });
}

pub(crate) fn backups(list: &BackupList, language: Language) {
    print(list.folder.display().to_string());
    if list.files.is_empty() {
        print(language.of("Копий пока нет.", "No backups yet."));
        return;
    }
    for (name, bytes) in &list.files {
        let kib = bytes.div_ceil(1024);
        print(format!("{name}  {kib} {}", language.of("КиБ", "KiB")));
    }
    print(language.of(
        "В них ключ узла: храните их так, чтобы никто другой не прочёл.",
        "They hold the node's key: keep them where nobody else can read them.",
    ));
}

pub(crate) fn mail(mail: &MailBook, language: Language) {
    let switch = if mail.offers {
        language.of("включено", "on")
    } else {
        language.of("выключено", "off")
    };
    let fixed = if mail.fixed {
        language.of("  (задано при запуске)", "  (set at the start)")
    } else {
        ""
    };
    print(format!(
        "{} {switch}, {} {}, {} {}{fixed}",
        language.of("Хранить почту других узлов:", "Keep mail of other nodes:"),
        mail.room_mib,
        language.of("МиБ", "MiB"),
        mail.days,
        language.of("дн.", "days"),
    ));
    for (name, state) in &mail.mailboxes {
        let state = match state.as_str() {
            "asked" => language.of("ждём согласия", "asked"),
            "refused" => language.of("отказал", "refused"),
            "away" => language.of("хранит, сейчас не в сети", "keeps it, away now"),
            _ => language.of("хранит", "keeps it"),
        };
        let mine = language.of("Мой ящик:", "My mailbox:");
        print(format!("{mine} {name}  {state}"));
    }
    for name in &mail.could {
        let could = language.of("Может хранить:", "Could keep it:");
        print(format!("{could} {name}  (chater mail choose {name})"));
    }
    for (name, letters, bytes, evicted) in &mail.kept {
        let for_it = language.of("Храню для узла:", "Kept for:");
        if *evicted {
            let out = language.of("выставлен", "thrown out");
            print(format!("{for_it} {name}  {out}"));
        } else {
            let (unit, count) = (language.of("КиБ", "KiB"), language.of("писем", "letters"));
            let kib = bytes.div_ceil(1024);
            print(format!("{for_it} {name}  {count}: {letters}, {kib} {unit}"));
        }
    }
}

pub(crate) fn communities(circle: &Circle, language: Language) {
    let open = if circle.open {
        language.of("участвует", "takes part")
    } else {
        language.of("не участвует", "does not take part")
    };
    print(format!("open  {open}"));
    for own in &circle.communities {
        let founder = if own.founder {
            language.of("  (основан здесь)", "  (founded here)")
        } else {
            ""
        };
        let linked = language.of("на связи", "connected");
        print(format!(
            "{}  {linked}: {}{founder}  {}",
            own.name, own.linked, own.id
        ));
    }
}
